// The system calls under the chunk store, virtual so that tests can fill the disk. Blocking.
// Functions that return int return 0 or an errno value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/chunks/chunk_key.h"

namespace xc::engine {

// What lies under the chunk folder.
struct ChunkListing {
  struct File {
    Digest space{};
    Digest key{};
    std::uint64_t bytes = 0;
    std::int64_t used_us = 0;
  };
  struct Temporary {
    std::string path;
    std::int64_t written_us = 0;
  };
  std::vector<Digest> spaces;
  std::vector<File> files;
  std::vector<Temporary> temporaries;
};

// <root>/<space>/<first two digits>/<key>.kv
std::string space_folder(const std::string& root, const Digest& space);
std::string chunk_path(const std::string& root, const Digest& space, const Digest& key);

class ChunkFiles {
 public:
  virtual ~ChunkFiles() = default;

  // Creates the folders (0700), writes `path` + "." + `unique` + ".tmp" (0600), syncs it, sets its
  // time of use and renames it. After a failure nothing is left.
  virtual int write(const std::string& path, Bytes bytes, std::string_view unique,
                    std::int64_t used_us);
  // The whole file. EFBIG when it is longer than bytes_max, EINVAL when it is no regular file.
  virtual int read(const std::string& path, std::size_t bytes_max, KvBytes& into);
  virtual int remove(const std::string& path);
  virtual int touch(const std::string& path, std::int64_t used_us);
  // Of the file system that holds `folder`, for this user; 0 when unknown.
  virtual std::uint64_t free_bytes(const std::string& folder);
  // 0 when there is no such regular file.
  virtual std::uint64_t size_of(const std::string& path);
  // Files with foreign names are passed over. Removes folders that are empty.
  virtual ChunkListing list(const std::string& root);
  // A space's folder with all it holds.
  virtual void remove_space(const std::string& root, const Digest& space);
};

}  // namespace xc::engine

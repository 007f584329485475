// Files as this room needs them: an owned descriptor, whole writes, errors as values, and the
// steps that make a change atomic. Blocking. A File is not shared between threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::catalog {

struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t changed_unix_s = 0;  // ctime: of the name, mode or link count too
  std::uint64_t device = 0, inode = 0;
  bool regular = false;
};

class File {
 public:
  // Errors: FileMissing, FileError (also when it is no regular file).
  static Result<File> open_read(const std::string& path);
  // Opens or creates for reading and writing, mode 0644.
  static Result<File> open_write(const std::string& path);

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_; }
  Result<FileStamp> stamp() const;
  // At most `length` bytes from the start; fewer when the file is shorter.
  Result<std::string> read_prefix(std::uint64_t length) const;
  // Up to `length` bytes at `offset` into `out`; 0 is the end.
  Result<std::size_t> read_at(std::uint64_t offset, char* out, std::size_t length) const;
  // All of `bytes` at `offset`. DiskFull when the file system is; `wanted` is the size the file is
  // to reach and serves the message only.
  Status write_at(std::uint64_t offset, std::string_view bytes, std::uint64_t wanted);
  Status truncate(std::uint64_t length);
  // Claims the disk's blocks for the first `length` bytes, so that later writes neither run out of
  // space nor lie scattered; a shorter file becomes that long, of zeros. Does nothing where the
  // file system cannot. Error: DiskFull, and the file is as it was.
  Status reserve(std::uint64_t length);
  Status sync();
  // Tries to lock the file for this File alone, among all processes and threads; released when
  // closed. False: somebody else holds it.
  Result<bool> try_lock();
  Status lock();  // waits

 private:
  File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  int descriptor_ = -1;
  std::string path_;
};

Error file_error(const std::string& path, int error_number);
Result<FileStamp> stamp_of(const std::string& path);  // follows links; FileMissing, FileError
Status make_folder(const std::string& path);          // with parents
Status sync_folder(const std::string& path);
// rename, then both are on disk.
Status rename_synced(const std::string& from, const std::string& to);
// Writes `bytes` to `aside`, syncs, renames to `path`, syncs the folder.
Status write_atomically(const std::string& path, const std::string& aside, std::string_view bytes);
// DiskFull with the numbers unless `bytes` more fit on the file system of `folder`.
Status check_space(const std::string& folder, const std::string& for_path, std::uint64_t bytes);
void remove_quietly(const std::string& path);

}  // namespace xc::catalog

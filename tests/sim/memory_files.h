// A disk for the chunk store that lies in memory, fills up, fails and loses files when told.
#pragma once

#include <cerrno>
#include <map>
#include <mutex>

#include "engine/chunks/chunk_files.h"

namespace xc::engine {

// Thread-safe.
class MemoryFiles final : public ChunkFiles {
 public:
  int write(const std::string& path, Bytes bytes, std::string_view, std::int64_t used_us) override {
    const std::lock_guard lock(mutex_);
    if (full_) return ENOSPC;
    files_[path] = {{bytes.begin(), bytes.end()}, used_us};
    return 0;
  }
  int read(const std::string& path, std::size_t bytes_max, KvBytes& into) override {
    const std::lock_guard lock(mutex_);
    if (unreadable_) return EIO;
    const auto found = files_.find(path);
    if (found == files_.end()) return ENOENT;
    if (found->second.bytes.size() > bytes_max) return EFBIG;
    into = found->second.bytes;
    return 0;
  }
  int remove(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return files_.erase(path) > 0 ? 0 : ENOENT;
  }
  int touch(const std::string& path, std::int64_t used_us) override {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(path);
    if (found == files_.end()) return ENOENT;
    found->second.used_us = used_us;
    return 0;
  }
  std::uint64_t free_bytes(const std::string&) override { return 1ULL << 40; }
  std::uint64_t size_of(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(path);
    return found == files_.end() ? 0 : found->second.bytes.size();
  }
  ChunkListing list(const std::string& root) override {
    const std::lock_guard lock(mutex_);
    ChunkListing listing;
    for (const auto& [path, file] : files_) {  // <root>/<space>/<two digits>/<key>.kv
      const std::string inside = path.substr(root.size() + 1);
      const auto space = digest_of_hex(inside.substr(0, 64));
      const auto key = digest_of_hex(inside.substr(68, 64));
      if (space && key) listing.files.push_back({*space, *key, file.bytes.size(), file.used_us});
    }
    return listing;
  }
  void remove_space(const std::string& root, const Digest& space) override {
    const std::lock_guard lock(mutex_);
    const std::string folder = space_folder(root, space) + "/";
    std::erase_if(files_, [&](const auto& entry) { return entry.first.starts_with(folder); });
  }

  void set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }
  void set_unreadable(bool unreadable) {
    const std::lock_guard lock(mutex_);
    unreadable_ = unreadable;
  }
  // Every `nth` file is gone, another one has a wrong bit.
  void lose(std::size_t nth) {
    const std::lock_guard lock(mutex_);
    std::size_t i = 0;
    for (auto it = files_.begin(); it != files_.end(); ++i) {
      if (i % nth == 1 && !it->second.bytes.empty()) it->second.bytes.back() ^= std::byte{1};
      it = i % nth == 0 ? files_.erase(it) : std::next(it);
    }
  }

 private:
  struct File {
    KvBytes bytes;
    std::int64_t used_us = 0;
  };
  std::mutex mutex_;
  std::map<std::string, File> files_;
  bool full_ = false;
  bool unreadable_ = false;
};

}  // namespace xc::engine

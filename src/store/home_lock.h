// One server a home: an advisory lock (flock) on a file that names its holder. The kernel drops the
// lock when the process ends, however it ends, so a stale file never blocks a start.
#pragma once

#include <string>

#include "base/result.h"

namespace xc::store {

// Owns the lock until destroyed. Not inherited by child processes.
class HomeLock {
 public:
  // Makes the file (mode 0600; its folder must exist) and writes this process's id into it.
  // Error: HomeLocked with the path and the other process's id; FileError.
  static Result<HomeLock> take(const std::string& path);
  HomeLock(HomeLock&& other) noexcept;
  HomeLock& operator=(HomeLock&& other) noexcept;
  ~HomeLock();

 private:
  explicit HomeLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace xc::store

// Signed tree heads in another place, where the log's owner cannot change them: a file on another
// mount (or a write-once one), one head a line.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "base/result.h"
#include "net/runtime.h"

namespace xc::ops {

// put() and stats() are thread-safe; put() never waits (it is called on the log's thread); run() is
// one coroutine. What could not be written is tried again for ever; when limits::kWitnessQueueMax
// heads wait the oldest make room, because a newer head covers them.
class WitnessFile {
 public:
  struct Stats {
    std::uint64_t written = 0;
    std::size_t waiting = 0;
    std::string last_error;  // empty after a success
  };
  // The references outlive it.
  WitnessFile(net::Runtime& runtime, net::BlockingPool& blocking, std::string path);
  void put(std::string head);
  Task<void> run();  // until the task is cancelled
  Stats stats() const;

 private:
  std::string take_all(std::size_t& count);
  void put_back(std::string lines, std::size_t count, std::string error);

  net::BlockingPool& blocking_;
  const std::string path_;
  net::Notifier wake_;
  const std::function<void()> waker_;
  mutable std::mutex mutex_;
  std::deque<std::string> heads_;
  Stats stats_;
};

// Appends and syncs; a half line that a crash left is ended first. Blocking. Error: FileError.
Status append_lines(const std::string& path, const std::string& lines);

}  // namespace xc::ops

// What other processes that use the same PostgreSQL database announce (Statement::announced): heard
// by LISTEN, on a connection of its own.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "base/deadline.h"
#include "base/descriptor.h"

namespace xc::store {

// The channel of NOTIFY. It carries no words: who hears of a change looks what it was.
inline constexpr std::string_view kChangesChannel = "xingcha_changes";

// Has a thread. A connection that is lost is said once in the log and made again, with growing
// pauses up to limits::kFeedPauseMax. Meanwhile nothing is heard, so whoever relies on it looks by
// itself from time to time too.
class ChangeFeed {
 public:
  // `url` as Database::open takes PostgreSQL's. `heard` is called on the feed's thread and must not
  // wait: after announcements (several may be one call), and whenever it begins to listen, for what
  // nobody heard before.
  ChangeFeed(std::string url, std::function<void()> heard);
  // Waits for a connection that is being made, limits::kDatabaseConnectTimeout at most.
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

 private:
  struct Connection;
  void run();
  // Until the connection is lost (why) or the feed ends (empty).
  std::string listen();
  std::string begin(Connection& connection);
  // False when the feed ends or the time is over. `socket` < 0: waits for the end alone.
  bool readable(int socket, Deadline until) const;
  bool ends() const;

  const std::string url_;
  const std::function<void()> heard_;
  const Descriptor end_;  // an eventfd
  bool silent_ = false;   // that nothing is heard was said; the feed's thread
  std::thread thread_;
};

}  // namespace xc::store

// Posts to one address over HTTP, in order, tried again for minutes: what leaves the platform
// without anybody waiting for it (alarms, traces, signed heads).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "base/limits.h"
#include "net/client.h"
#include "net/runtime.h"

namespace xc::ops {

// "https://host:port/path?query" in its two parts.
struct PostAddress {
  net::Origin origin;  // with the path as its base
  std::string query;   // "?…", or empty
  // Error: BadSetting with `setting` as its name.
  static Result<PostAddress> parse(std::string_view url, std::string_view setting);
};

// put() and stats() are thread-safe; run() is one coroutine. Bounded: when the box is full the
// oldest post makes room. A 2xx reply is delivery; 408, 429, 5xx and a broken connection are tried
// again with doubling pauses, up to tries_max; another reply is final, because it would be the
// same the next time.
class Outbox {
 public:
  struct Options {
    std::string name;  // for logs
    PostAddress address;
    std::string content_type = "application/json";
    std::size_t posts_max = limits::kOutboxMax;
    int tries_max = limits::kOutboxTriesMax;
    Duration backoff_first = limits::kOutboxBackoffFirst;
    Duration backoff_max = limits::kOutboxBackoffMax;
    // Called for each try: signatures have a time in them.
    std::function<void(const std::string& body, net::Headers& headers)> sign = {};
  };
  struct Stats {
    std::uint64_t delivered = 0;
    std::uint64_t failed = 0;   // refused, or tried too often
    std::uint64_t dropped = 0;  // no room
    std::size_t waiting = 0;
    std::int64_t delivered_unix_ms = 0;  // the last time; 0: never
    std::string last_error;              // empty after a delivery
  };

  // The references outlive it. Runs on thread 0.
  Outbox(net::Runtime& runtime, net::Client& client, Options options);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void put(std::string body);
  // Until the task is cancelled.
  Task<void> run();
  Stats stats() const;

 private:
  struct Post {
    std::uint64_t number = 0;
    std::string body;
  };
  enum class Outcome : std::uint8_t { Delivered, Again, Refused };
  Task<Outcome> attempt(std::string body);
  Task<void> deliver(Post post);
  bool take(Post& post);
  void note(Outcome outcome, std::string error);

  net::Client& client_;
  const Options options_;
  net::Notifier wake_;
  const std::function<void()> waker_;
  mutable std::mutex mutex_;
  std::deque<Post> posts_;
  std::uint64_t next_ = 0;
  Stats stats_;
  std::string error_;  // of the last attempt
};

}  // namespace xc::ops

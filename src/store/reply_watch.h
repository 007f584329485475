// Ends waits for a PostgreSQL server that does not answer. libpq waits for ever: a server that
// hangs behind a connection that lives is not noticed by TCP's own time-outs.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"

namespace xc::store {

// One connection, used by one thread at a time. Thread-safe. Has a thread of its own.
class ReplyWatch {
 public:
  ReplyWatch();
  ~ReplyWatch();
  ReplyWatch(const ReplyWatch&) = delete;
  ReplyWatch& operator=(const ReplyWatch&) = delete;

  // A new connection's socket, which stays its owner's: what is kept is a copy.
  void use(int socket);
  // While it lives, the connection is shut down at limits::kDatabaseReplyTimeout, so that who waits
  // on it hears of an end. One at a time.
  class Guard {
   public:
    explicit Guard(ReplyWatch* watch);  // null: watches nothing
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    ReplyWatch* const watch_;
  };
  // While it is patient a wait may take as long as it takes: a change of the schema may rewrite a
  // large table. Keep-alives still notice a server that is gone.
  void patient(bool patient);
  // The process ends: from now on a wait, also the one that runs, has limits::kDatabaseLastWait.
  void hurry();
  // A wait was cut after hurry(): asking again is no use.
  bool gave_up() const;

 private:
  void run();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int socket_ = -1;
  std::optional<SteadyTime> until_;           // of the wait that runs
  SteadyTime sleeps_to_ = SteadyTime::min();  // of the watching thread
  bool patient_ = false;
  bool hurry_ = false;
  bool gave_up_ = false;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace xc::store

#include "store/reply_watch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/limits.h"
#include "base/log.h"

namespace xc::store {

ReplyWatch::ReplyWatch() : thread_([this] { run(); }) {}

ReplyWatch::~ReplyWatch() {
  {
    const std::lock_guard hold(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
  if (socket_ >= 0) ::close(socket_);
}

void ReplyWatch::use(int socket) {
  const std::lock_guard hold(mutex_);
  if (socket_ >= 0) ::close(socket_);
  socket_ = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
}

ReplyWatch::Guard::Guard(ReplyWatch* watch) : watch_(watch) {
  if (watch_ == nullptr) return;
  const std::lock_guard hold(watch_->mutex_);
  if (watch_->patient_ && !watch_->hurry_) return;
  const Duration most = watch_->hurry_ ? Duration(limits::kDatabaseLastWait)
                                       : Duration(limits::kDatabaseReplyTimeout);
  watch_->until_ = SteadyTime::clock::now() + most;
  if (*watch_->until_ < watch_->sleeps_to_) watch_->changed_.notify_all();
}

ReplyWatch::Guard::~Guard() {
  if (watch_ == nullptr) return;
  const std::lock_guard hold(watch_->mutex_);
  watch_->until_.reset();
}

void ReplyWatch::patient(bool patient) {
  const std::lock_guard hold(mutex_);
  patient_ = patient;
}

void ReplyWatch::hurry() {
  const std::lock_guard hold(mutex_);
  hurry_ = true;
  const SteadyTime soon = SteadyTime::clock::now() + limits::kDatabaseLastWait;
  if (until_) until_ = std::min(*until_, soon);
  changed_.notify_all();
}

bool ReplyWatch::gave_up() const {
  const std::lock_guard hold(mutex_);
  return gave_up_;
}

// A wait that ends wakes nobody: the thread sleeps on until its time and finds nothing to do, so a
// statement costs no switch to another thread, but for the first after a rest.
void ReplyWatch::run() {
  std::unique_lock hold(mutex_);
  while (!ends_) {
    if (!until_) {
      sleeps_to_ = SteadyTime::max();
      changed_.wait(hold);
      continue;
    }
    sleeps_to_ = *until_;
    if (SteadyTime::clock::now() < sleeps_to_) {
      const SteadyTime when = sleeps_to_;
      changed_.wait_until(hold, when);
      continue;
    }
    until_.reset();
    gave_up_ = hurry_;
    log::warn("store", "the database does not answer; the connection is given up");
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
  }
}

}  // namespace xc::store

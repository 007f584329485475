// Waits for a descriptor without system calls: it is registered once, edge-triggered, and an event
// that came while nobody waited is kept. Asio's own async_wait asks epoll anew with each wait
// (EPOLL_CTL_MOD), for it has to know what is there already; whoever has just seen the socket empty
// knows that. Only this file speaks to Asio's reactor; its interface is that of Boost 1.81.
//
// The price: what was there when the last event was told, and was not read since, is told to nobody
// again. So read until WantRead, or until fewer bytes came than there was room for; then only an
// end that came together with those bytes may be left, which a look (Stream::peek) finds.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detail/op_queue.hpp>
#include <boost/asio/detail/reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <cstdint>
#include <new>
#include <utility>

#include "base/frames.h"

namespace xc::net {

// Owns the descriptor. Lives on its executor's thread; not thread-safe.
class Readiness {
 public:
  enum class For : std::uint8_t { Read, Write };

  // fd: open and non-blocking.
  Readiness(const boost::asio::any_io_executor& executor, int fd);
  ~Readiness() { close(); }
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  // Waits that run get false, as with cancel().
  void close();
  void cancel() { reactor_.cancel_ops(fd_, data_); }

  // `done(bool ready)` is called once from the loop, never in here; ready is false when the wait
  // was cancelled. It may come too early: try, and wait again. The result points to `done` where it
  // waits, until it is called. When the loop ends first, it is destroyed without a call.
  template <typename Done>
  Done* start(For what, Done done) {
    auto* const wait = ::new (take_frame(sizeof(Wait<Done>))) Wait<Done>(std::move(done));
    begin(what, wait);
    return &wait->done();
  }

  // For co_await: whether it is ready; false when it was cancelled.
  auto wait(For what) {
    auto initiate = [this, what](auto handler) {
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      using Handler = decltype(handler);
      auto* const wait =
          ::new (take_frame(sizeof(Wait<Handler>))) Wait<Handler>(std::move(handler));
      if (slot.is_connected()) {
        wait->cancellation_key_ = &slot.template emplace<Cancel>(this, operation_of(what));
      }
      begin(what, wait);
    };
    return boost::asio::async_initiate<const boost::asio::deferred_t&, void(bool)>(
        std::move(initiate), boost::asio::deferred);
  }

 private:
  using Reactor = boost::asio::detail::reactor;
  using Operation = boost::asio::detail::reactor_op;

  template <typename Done>
  class Wait final : public Operation {
   public:
    explicit Wait(Done&& done)
        : Operation(boost::system::error_code(), &perform, &complete), done_(std::move(done)) {}
    Done& done() { return done_; }

   private:
    // With an event. The last one that waits takes it: the next wait is for the next event.
    static status perform(Operation* self) {
      const bool last = boost::asio::detail::op_queue_access::next(self) == nullptr;
      return last ? done_and_exhausted : Operation::done;
    }
    // owner: null when the loop ends.
    static void complete(void* owner, boost::asio::detail::operation* base,
                         const boost::system::error_code&, std::size_t) {
      auto* const self = static_cast<Wait*>(base);
      Done done(std::move(self->done_));
      const bool ready = !self->ec_;
      self->~Wait();
      give_back_frame(self, sizeof(Wait));
      if (owner != nullptr) done(ready);
    }

    Done done_;
  };

  // What a cancelled coroutine's slot holds while it waits.
  struct Cancel {
    Cancel(Readiness* a_readiness, int an_operation)
        : readiness(a_readiness), operation(an_operation) {}
    void operator()(boost::asio::cancellation_type_t) {
      readiness->reactor_.cancel_ops_by_key(readiness->fd_, readiness->data_, operation, this);
    }
    Readiness* readiness;
    int operation;
  };

  static Reactor& reactor_of(const boost::asio::any_io_executor& executor);
  static int operation_of(For what) {
    return what == For::Read ? Reactor::read_op : Reactor::write_op;
  }
  void begin(For what, Operation* wait);

  Reactor& reactor_;
  Reactor::per_descriptor_data data_{};
  int fd_;
  bool writes_ = false;  // registered for room to write too
};

}  // namespace xc::net

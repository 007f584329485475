#include "net/readiness.h"

#include <unistd.h>

#include <boost/asio/detail/throw_error.hpp>
#include <boost/asio/execution/context.hpp>

namespace xc::net {

namespace asio = boost::asio;

Readiness::Reactor& Readiness::reactor_of(const asio::any_io_executor& executor) {
  asio::execution_context& loop = asio::query(executor, asio::execution::context);
  auto& reactor = asio::use_service<Reactor>(loop);
  reactor.init_task();
  return reactor;
}

Readiness::Readiness(const asio::any_io_executor& executor, int fd)
    : reactor_(reactor_of(executor)), fd_(fd) {
  const int failed = reactor_.register_descriptor(fd, data_);
  if (failed == 0) return;
  ::close(fd);
  const boost::system::error_code error(failed, asio::error::get_system_category());
  asio::detail::throw_error(error, "register");
}

void Readiness::close() {
  if (fd_ < 0) return;
  // Not left to close(2): a child that is just being started may still hold the file.
  constexpr bool kClosing = false;
  reactor_.deregister_descriptor(fd_, data_, kClosing);
  ::close(std::exchange(fd_, -1));
  reactor_.cleanup_descriptor_data(data_);
}

// The first wait for room registers for it and is told what is there; the others wait for events.
void Readiness::begin(For what, Operation* wait) {
  const bool registered = what == For::Read || std::exchange(writes_, true);
  constexpr bool kContinues = false;
  reactor_.start_op(operation_of(what), fd_, data_, wait, kContinues, registered);
}

}  // namespace xc::net

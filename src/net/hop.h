// Runs a coroutine on another I/O thread and waits for it here.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <functional>

#include "base/task.h"

namespace xc::net {

// What `task` throws is thrown here. When the caller is cancelled it leaves at once and the task is
// asked to stop at its next await; so `task` must own what it touches (capture by value, hand its
// result over through a shared_ptr). Call on an I/O thread; both loops must run.
Task<void> run_on(boost::asio::any_io_executor executor, std::function<Task<void>()> task);

}  // namespace xc::net

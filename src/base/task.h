// Task<T>: a lazy coroutine on an I/O thread. See STYLE.md "Asynchronous code" for its rules.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace xc {
template <typename T>
using Task = boost::asio::awaitable<T>;
}

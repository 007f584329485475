// Result<T>: a value or an Error. Expected failures travel this way; exceptions are for start-up
// and third parties. (std::expected without its monadic calls: libstdc++ 12 lacks them.)
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace xc {

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[gnu::cold]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}
[[gnu::cold]] inline std::unexpected<Error> fail(Code code, Message message,
                                                 std::vector<std::string> args = {},
                                                 std::string detail = {}) {
  return std::unexpected(
      Error{code, message, std::move(args), std::move(detail), std::string(), 0});
}
// A mistake in one field of the request: 400 with error.param.
[[gnu::cold]] inline std::unexpected<Error> fail_field(std::string field, Message message,
                                                       std::vector<std::string> args) {
  return std::unexpected(
      Error{Code::InvalidRequest, message, std::move(args), std::string(), std::move(field), 0});
}
[[gnu::cold]] inline std::unexpected<Error> fail_internal(std::string detail) {
  return std::unexpected(
      Error{Code::Internal, Message::InternalError, {}, std::move(detail), std::string(), 0});
}

}  // namespace xc

#define XC_CONCAT_(a, b) a##b
#define XC_CONCAT(a, b) XC_CONCAT_(a, b)
// XC_TRY(auto value, expression): unwraps a Result or returns its error from this function.
#define XC_TRY(declaration, expression)                                      \
  auto XC_CONCAT(xc_try_, __LINE__) = (expression);                          \
  if (!XC_CONCAT(xc_try_, __LINE__))                                         \
    return std::unexpected(std::move(XC_CONCAT(xc_try_, __LINE__).error())); \
  declaration = std::move(*XC_CONCAT(xc_try_, __LINE__))
// For Status, where there is no value to name.
#define XC_CHECK(expression)                                              \
  do {                                                                    \
    auto xc_check_ = (expression);                                        \
    if (!xc_check_) return std::unexpected(std::move(xc_check_.error())); \
  } while (false)

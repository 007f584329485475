// XC_ASSERT: for bugs, always on, never reachable from input. Prints the place and aborts.
#pragma once

namespace xc {
[[noreturn]] void assert_failed(const char* expression, const char* file, int line);
}

#define XC_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::xc::assert_failed(#expression, __FILE__, __LINE__))

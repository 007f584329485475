// A deleter for std::unique_ptr, of what a C library frees by a function.
#pragma once

namespace xc {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* p) const {
    kFree(p);
  }
};

}  // namespace xc

// Memory of a kernel on one thread.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace xc::kernels {

// Grows; given back when its thread ends. T needs no construction.
template <class T>
class Buffer {
 public:
  T* of(std::size_t count) {
    if (count > count_) {
      const std::size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
      memory_.reset(static_cast<T*>(std::aligned_alloc(64, bytes)));
      if (!memory_) std::abort();  // no room for some 100 KiB: nothing here can go on
      count_ = count;
    }
    return memory_.get();
  }
  T* get() { return memory_.get(); }
  const T* get() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> memory_;
  std::size_t count_ = 0;
};

}  // namespace xc::kernels

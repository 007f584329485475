// Memory for copies of KV: some MiB at a time, which are overwritten at once. It is not filled with
// zeros first, and large pieces lie in huge pages where the kernel has some: page by page, the
// faults of a copy take longer than its bytes. What is freed goes back to the system at once, so a
// budget of RAM is one.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace xc::engine {

// From so many bytes on a piece has pages of its own.
inline constexpr std::size_t kHugePageBytes = 2u << 20U;

// Thread-safe. Throws std::bad_alloc.
void* allocate_kv(std::size_t bytes);
void free_kv(void* memory, std::size_t bytes) noexcept;

template <typename T>
struct KvMemory {
  using value_type = T;

  KvMemory() = default;
  template <typename U>
  explicit KvMemory(const KvMemory<U>& /*other*/) noexcept {}

  T* allocate(std::size_t count) { return static_cast<T*>(allocate_kv(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept { free_kv(memory, count * sizeof(T)); }

  template <typename U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }
  bool operator==(const KvMemory& /*other*/) const { return true; }
};

using KvBytes = std::vector<std::byte, KvMemory<std::byte>>;

}  // namespace xc::engine

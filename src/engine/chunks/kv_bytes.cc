#include "engine/chunks/kv_bytes.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace xc::engine {
namespace {

std::size_t whole_pages(std::size_t bytes) {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

}  // namespace

// Huge pages are aligned: maps one more and gives back what lies before and behind.
void* allocate_kv(std::size_t bytes) {
  if (bytes < kHugePageBytes) return ::operator new(bytes);
  const std::size_t own = whole_pages(bytes);
  const std::size_t mapped = own + kHugePageBytes;
  void* memory =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(memory);
  const std::size_t beyond = reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes;
  const std::size_t before = beyond == 0 ? 0 : kHugePageBytes - beyond;
  if (before > 0) ::munmap(begin, before);
  ::munmap(begin + before + own, mapped - before - own);
  ::madvise(begin + before, own, MADV_HUGEPAGE);  // a wish
  return begin + before;
}

void free_kv(void* memory, std::size_t bytes) noexcept {
  if (bytes < kHugePageBytes) return ::operator delete(memory);
  ::munmap(memory, whole_pages(bytes));
}

}  // namespace xc::engine

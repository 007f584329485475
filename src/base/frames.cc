#include "base/frames.h"

#include <array>
#include <new>
#include <utility>

namespace xc {
namespace {

// Sanitizers shall see what is used after its end.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeeps = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif
#else
constexpr bool kKeeps = true;
#endif

constexpr std::size_t kStep = 64;                 // frames of one shelf differ by less
constexpr std::size_t kShelves = 80;              // up to 5 KiB
constexpr std::size_t kKeptBytesMax = 256 << 10;  // a thread; of all its frames together

struct Free {
  Free* next;
};

// Plain data, so that frames that end after the thread's objects still find it.
struct Kept {
  std::array<Free*, kShelves> shelves{};
  std::size_t bytes = 0;
  bool closed = false;
};
constinit thread_local Kept t_kept;

struct AtExit {
  ~AtExit() {
    t_kept.closed = true;
    for (Free*& shelf : t_kept.shelves) {
      while (shelf != nullptr) ::operator delete(std::exchange(shelf, shelf->next));
    }
  }
  void begin() {}
};
thread_local AtExit t_at_exit;

std::size_t shelf_of(std::size_t size) { return (size - 1) / kStep; }
std::size_t room_of(std::size_t shelf) { return (shelf + 1) * kStep; }

}  // namespace

void* take_frame(std::size_t size) {
  const std::size_t shelf = shelf_of(size);
  if (!kKeeps || shelf >= kShelves) return ::operator new(size);
  Kept& kept = t_kept;
  Free* const found = kept.shelves[shelf];
  if (found == nullptr) return ::operator new(room_of(shelf));
  kept.shelves[shelf] = found->next;
  kept.bytes -= room_of(shelf);
  return found;
}

void give_back_frame(void* frame, std::size_t size) noexcept {
  const std::size_t shelf = shelf_of(size);
  Kept& kept = t_kept;
  if (!kKeeps || shelf >= kShelves || kept.closed || kept.bytes + room_of(shelf) > kKeptBytesMax) {
    ::operator delete(frame);
    return;
  }
  if (kept.bytes == 0) t_at_exit.begin();  // its destructor is to run
  kept.shelves[shelf] = ::new (frame) Free{kept.shelves[shelf]};
  kept.bytes += room_of(shelf);
}

}  // namespace xc

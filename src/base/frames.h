// Memory of coroutine frames: each thread keeps some of those that ended for those that begin. A
// request needs some twenty, the larger of which the C library would look for anew each time.
#pragma once

#include <cstddef>

namespace xc {

// Aligned as by operator new, and fails as it does. May be given back on another thread.
void* take_frame(std::size_t size);
// `size`: as it was taken.
void give_back_frame(void* frame, std::size_t size) noexcept;

}  // namespace xc

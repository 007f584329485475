// Where in their sequences the cells of a cache lie: the engine says it, the attention kernel sums
// up in this order, so that a row's bits do not depend on where its tokens happened to find room.
#pragma once

#include <cstdint>

namespace xc::kernels {

// Positions of the first `cells` cells of a cache, those in use; valid until the next call. Called
// by one thread while a graph is computed.
using PositionsOf = const std::int32_t* (*)(void* cache, std::int64_t cells);

// keys: where the storage of a layer's K begins. of == nullptr: forgets it.
using OrderCache = void (*)(const void* keys, PositionsOf of, void* cache);
inline constexpr char kOrderCache[] = "xc_order_cache";  // exported by each CPU variant

}  // namespace xc::kernels

// Chunks in memory, least recently used out first. What somebody else holds (a pinned chunk) stays
// listed and counts once; evicting it would free nothing. Engine thread only.
//
// Invariant: after make_room(n) returned true, gauge + n <= bytes_max.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>

#include "engine/chunks/chunk_key.h"

namespace xc::engine {

class RamTier {
 public:
  explicit RamTier(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // A chunk with the same key and the same tokens; null when there is none.
  ChunkRef find(const ChunkLink& link) const;
  void use(const Digest& key);
  // Evicts until `bytes` more fit. False, and nothing is evicted, when pinned chunks leave too
  // little. Returns how many chunks went in `evicted`.
  bool make_room(std::uint64_t bytes, std::uint64_t& evicted);
  // The most recently used from now on. Returns what is listed under its key: an earlier one wins.
  ChunkRef add(ChunkRef chunk);
  void remove_tenant(const std::string& tenant);

  // Count bytes against the budget from before they exist.
  ByteHold hold(std::uint64_t bytes) { return ByteHold(gauge_, bytes); }
  std::uint64_t bytes() const { return *gauge_; }
  std::size_t size() const { return places_.size(); }

 private:
  using Order = std::list<ChunkRef>;  // oldest first

  std::uint64_t bytes_max_;
  std::shared_ptr<ByteGauge> gauge_ = std::make_shared<ByteGauge>(0);
  Order order_;
  std::unordered_map<Digest, Order::iterator, DigestHash> places_;
};

}  // namespace xc::engine

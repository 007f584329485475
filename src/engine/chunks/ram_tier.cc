#include "engine/chunks/ram_tier.h"

#include <vector>

namespace xc::engine {

ChunkRef RamTier::find(const ChunkLink& link) const {
  const auto found = places_.find(link.key);
  if (found == places_.end()) return nullptr;
  const ChunkRef& chunk = *found->second;
  const bool same = chunk->link().tokens == link.tokens &&
                    chunk->link().previous == link.previous &&
                    chunk->link().space->root == link.space->root;
  return same ? chunk : nullptr;
}

void RamTier::use(const Digest& key) {
  const auto found = places_.find(key);
  if (found != places_.end()) order_.splice(order_.end(), order_, found->second);
}

bool RamTier::make_room(std::uint64_t bytes, std::uint64_t& evicted) {
  evicted = 0;
  if (bytes > bytes_max_) return false;
  const std::uint64_t used = *gauge_;
  const std::uint64_t goal = bytes_max_ - bytes;
  if (used <= goal) return true;
  // A count of one is ours; the other threads only ever let go, so it cannot rise behind our back.
  std::vector<Order::iterator> victims;
  std::uint64_t freed = 0;
  for (auto it = order_.begin(); it != order_.end() && used - freed > goal; ++it) {
    if (it->use_count() != 1) continue;
    freed += (*it)->bytes();
    victims.push_back(it);
  }
  if (used - freed > goal) return false;
  for (const auto it : victims) {
    places_.erase((*it)->link().key);
    order_.erase(it);
  }
  evicted = victims.size();
  return true;
}

ChunkRef RamTier::add(ChunkRef chunk) {
  const auto [place, fresh] = places_.try_emplace(chunk->link().key);
  if (!fresh) {
    order_.splice(order_.end(), order_, place->second);
    return *place->second;
  }
  place->second = order_.insert(order_.end(), chunk);
  return chunk;
}

void RamTier::remove_tenant(const std::string& tenant) {
  for (auto it = order_.begin(); it != order_.end();) {
    if ((*it)->link().space->tenant != tenant) {
      ++it;
      continue;
    }
    places_.erase((*it)->link().key);
    it = order_.erase(it);
  }
}

}  // namespace xc::engine

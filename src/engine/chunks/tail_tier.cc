#include "engine/chunks/tail_tier.h"

#include <algorithm>

namespace xc::engine {
void TailTier::erase(Entries::iterator entry) {
  const auto [begin, end] = by_place_.equal_range(entry->place);
  for (auto it = begin; it != end; ++it) {
    if (it->second != entry) continue;
    by_place_.erase(it);
    break;
  }
  bytes_ -= entry->tail.bytes.size();
  entries_.erase(entry);
}

void TailTier::drop_beginnings(const Place& place, std::span<const Token> tokens) {
  const auto [begin, end] = by_place_.equal_range(place);
  std::vector<Entries::iterator> gone;
  for (auto it = begin; it != end; ++it) {
    const auto& own = it->second->tail.tokens;
    if (common_prefix(own, tokens) == static_cast<int>(own.size())) gone.push_back(it->second);
  }
  for (const auto& entry : gone) erase(entry);
}

void TailTier::put(const Place& place, Tail tail) {
  drop_beginnings(place, tail.tokens);
  if (tail.bytes.size() > bytes_max_) return;
  while (bytes_ + tail.bytes.size() > bytes_max_) erase(std::prev(entries_.end()));
  bytes_ += tail.bytes.size();
  entries_.push_front({place, std::move(tail)});
  by_place_.emplace(place, entries_.begin());
}

const Tail* TailTier::find(const Place& place, std::span<const Token> tokens, int& common) {
  common = 0;
  Entries::iterator best = entries_.end();
  const auto [begin, end] = by_place_.equal_range(place);
  for (auto it = begin; it != end; ++it) {
    const int n = common_prefix(it->second->tail.tokens, tokens);
    if (n <= common) continue;
    common = n;
    best = it->second;
  }
  if (best == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, best);
  return &best->tail;
}

bool TailTier::has(const Place& place, std::span<const Token> tokens) {
  const auto [begin, end] = by_place_.equal_range(place);
  for (auto it = begin; it != end; ++it) {
    const int common = common_prefix(it->second->tail.tokens, tokens);
    if (common < static_cast<int>(tokens.size())) continue;
    entries_.splice(entries_.begin(), entries_, it->second);
    return true;
  }
  return false;
}

}  // namespace xc::engine

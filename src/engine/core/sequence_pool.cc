#include "engine/core/sequence_pool.h"

#include <algorithm>

#include "base/assert.h"

namespace xc::engine {

int common_prefix(std::span<const Token> a, std::span<const Token> b) {
  const std::size_t end = std::min(a.size(), b.size());
  std::size_t n = 0;
  while (n < end && a[n] == b[n] && a[n] != kMediaToken) ++n;
  return static_cast<int>(n);
}

SequencePool::SequencePool(int sequences, int cells, bool can_share, CacheMemory& memory)
    : cells_(cells),
      can_share_(can_share),
      memory_(memory),
      ledger_(sequences),
      slots_(static_cast<std::size_t>(sequences)) {}

// seq: the donor; reused: how much of it serves. In memories that cannot be cut, only a retained
// sequence that is a whole prefix serves.
std::optional<SequencePool::Claim> SequencePool::find_donor(const std::vector<Token>& prompt,
                                                            int reuse_max,
                                                            std::uint64_t salt) const {
  const auto wanted = std::span(prompt).first(
      std::min(prompt.size(), static_cast<std::size_t>(std::max(reuse_max, 0))));
  std::optional<Claim> best;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.use == Use::Free || slot.salt != salt) continue;
    const int shared = common_prefix(slot.tokens, wanted);
    const bool whole = shared == static_cast<int>(slot.tokens.size());
    if (!can_share_ && !(slot.use == Use::Retained && whole)) continue;
    if (shared > 0 && (!best || shared > best->reused)) best = Claim{static_cast<int>(i), shared};
  }
  return best;
}

std::optional<SequencePool::Claim> SequencePool::claim(const std::vector<Token>& prompt,
                                                       int reuse_max, int reserve,
                                                       std::uint64_t salt, int retained_max) {
  const std::optional<Claim> donor = find_donor(prompt, reuse_max, salt);
  const int reused = donor ? donor->reused : 0;
  const int keep = donor ? donor->seq : -1;
  const int needed = static_cast<int>(prompt.size()) - reused + reserve;
  // A request alone in the cache goes in whatever its reserve: nobody else could make room.
  if (live() == static_cast<int>(slots_.size())) return std::nullopt;
  if (!could_hold(needed, donor) && live() > 0) return std::nullopt;
  trim_retained(retained_max, keep);
  make_room(needed, keep);

  const bool retained = donor && slots_[index(keep)].use == Use::Retained;
  const bool whole = donor && reused == static_cast<int>(slots_[index(keep)].tokens.size());
  // Continue where the last turn ended.
  if (retained && whole) return cut(*donor);
  const std::optional<int> seq = free_slot(keep);
  const bool roomy = cells_ - ledger_.cells() >= needed;
  if (retained && (!seq || !roomy)) return cut(*donor);
  if (!seq) return std::nullopt;
  Slot& slot = slots_[index(*seq)];
  slot.use = Use::Live;
  slot.salt = salt;
  slot.used_at = ++clock_;
  if (donor) {
    memory_.share(donor->seq, *seq, reused);
    ledger_.fork(*seq, donor->seq, reused);
    slot.tokens.assign(prompt.begin(), prompt.begin() + reused);
    slots_[index(donor->seq)].used_at = clock_;
  }
  return Claim{*seq, reused};
}

// Whether so many cells could be free without touching live sequences and what the donor shares.
bool SequencePool::could_hold(int cells_needed, const std::optional<Claim>& donor) const {
  std::vector<int> stay;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].use == Use::Live) stay.push_back(static_cast<int>(i));
  }
  const int used = donor ? ledger_.reached(stay, donor->seq, donor->reused) : ledger_.reached(stay);
  return cells_ - used >= cells_needed;
}

// Takes a retained donor over, without what is behind the shared part.
SequencePool::Claim SequencePool::cut(const Claim& donor) {
  Slot& slot = slots_[index(donor.seq)];
  slot.use = Use::Live;
  slot.used_at = ++clock_;
  if (donor.reused < static_cast<int>(slot.tokens.size())) {
    if (slot.saved < slot.tokens.size()) memory_.leaving(donor.seq, slot.salt, slot.tokens);
    truncate(donor.seq, donor.reused);
  }
  return donor;
}

int SequencePool::longest(const std::vector<Token>& prompt, int reuse_max,
                          std::uint64_t salt) const {
  const std::optional<Claim> donor = find_donor(prompt, reuse_max, salt);
  return donor ? donor->reused : 0;
}

int SequencePool::common(const std::vector<Token>& prompt, std::uint64_t salt) const {
  int best = 0;
  for (const Slot& slot : slots_) {
    if (slot.use == Use::Free || slot.salt != salt) continue;
    best = std::max(best, common_prefix(slot.tokens, prompt));
  }
  return best;
}

std::optional<int> SequencePool::fork(int seq) {
  const std::optional<int> copy = free_slot(seq);
  if (!copy) return std::nullopt;
  const int length = static_cast<int>(slots_[index(seq)].tokens.size());
  memory_.share(seq, *copy, length);
  ledger_.fork(*copy, seq, length);
  slots_[index(*copy)] = slots_[index(seq)];
  slots_[index(*copy)].used_at = ++clock_;
  return copy;
}

void SequencePool::append(int seq, const Token* tokens, int count) {
  Slot& slot = slots_[index(seq)];
  XC_ASSERT(slot.use == Use::Live);
  slot.tokens.insert(slot.tokens.end(), tokens, tokens + count);
  ledger_.append(seq, count);
}

void SequencePool::release(int seq, bool retain) {
  Slot& slot = slots_[index(seq)];
  XC_ASSERT(slot.use == Use::Live);
  if (retain && !slot.tokens.empty()) {
    slot.use = Use::Retained;
    slot.used_at = ++clock_;
  } else {
    free(seq);
  }
}

void SequencePool::free(int seq) {
  memory_.drop(seq, 0);
  ledger_.clear(seq);
  slots_[index(seq)] = Slot{};
}

void SequencePool::truncate(int seq, int length) {
  Slot& slot = slots_[index(seq)];
  XC_ASSERT(slot.use == Use::Live && length <= static_cast<int>(slot.tokens.size()));
  const bool dropped = memory_.drop(seq, length);
  XC_ASSERT(dropped);
  ledger_.truncate(seq, length);
  slot.tokens.resize(static_cast<std::size_t>(length));
  slot.saved = std::min(slot.saved, slot.tokens.size());
}

std::optional<SequencePool::Unsaved> SequencePool::unsaved() const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].use == Use::Retained && slots_[i].saved < slots_[i].tokens.size()) {
      return Unsaved{static_cast<int>(i), slots_[i].salt};
    }
  }
  return std::nullopt;
}

void SequencePool::trim_retained(int cells_max, int keep) {
  if (cells_max >= cells_) return;
  std::vector<int> kept;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const int seq = static_cast<int>(i);
    if (slots_[i].use == Use::Live || seq == keep) kept.push_back(seq);
  }
  const int needed = ledger_.reached(kept);
  while (ledger_.cells() - needed > cells_max && evict_one_but(keep)) {
  }
}

bool SequencePool::evict_one() { return evict_one_but(-1); }

bool SequencePool::evict_one_but(int keep) {
  int oldest = -1;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const int seq = static_cast<int>(i);
    if (slots_[i].use != Use::Retained || seq == keep) continue;
    if (oldest < 0 || slots_[i].used_at < slots_[index(oldest)].used_at) oldest = seq;
  }
  if (oldest < 0) return false;
  const Slot& slot = slots_[index(oldest)];
  if (slot.saved < slot.tokens.size()) memory_.leaving(oldest, slot.salt, slot.tokens);
  free(oldest);
  return true;
}

std::optional<int> SequencePool::free_slot(int keep) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].use == Use::Free) return static_cast<int>(i);
    }
    if (!evict_one_but(keep)) return std::nullopt;
  }
  return std::nullopt;
}

void SequencePool::make_room(int cells_needed, int keep) {
  while (cells_ - ledger_.cells() < cells_needed && evict_one_but(keep)) {
  }
}

int SequencePool::live() const {
  return static_cast<int>(std::count_if(slots_.begin(), slots_.end(),
                                        [](const Slot& s) { return s.use == Use::Live; }));
}
int SequencePool::retained() const {
  return static_cast<int>(std::count_if(slots_.begin(), slots_.end(),
                                        [](const Slot& s) { return s.use == Use::Retained; }));
}

}  // namespace xc::engine

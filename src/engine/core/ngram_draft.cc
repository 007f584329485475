#include "engine/core/ngram_draft.h"

#include <algorithm>
#include <bit>

namespace xc::engine {
namespace {

constexpr std::size_t kBucketsFirst = 256;
constexpr std::int32_t kNone = -1;

}  // namespace

NgramDraft::NgramDraft(int tokens_max)
    : tokens_max_(static_cast<std::size_t>(std::max(tokens_max, 16))) {
  indexes_[0].gram = 4;
  indexes_[1].gram = kMatchMin;
  rebuild();
}

std::size_t NgramDraft::bucket(const Index& index, std::int32_t place) const {
  std::uint64_t hash = 0;
  for (int i = 0; i < index.gram; ++i) {
    const auto token = static_cast<std::uint32_t>(tokens_[static_cast<std::size_t>(place - i)]);
    hash = (hash ^ token) * 0x9E3779B97F4A7C15u;  // the golden ratio: spreads to the upper bits
    hash ^= hash >> 32;
  }
  return static_cast<std::size_t>(hash) & (index.latest.size() - 1);
}

void NgramDraft::add_to(Index& index, std::int32_t place) {
  index.before.push_back(kNone);
  if (place + 1 < index.gram) return;
  for (int i = 0; i < index.gram; ++i) {
    if (tokens_[static_cast<std::size_t>(place - i)] < 0) return;
  }
  std::int32_t& latest = index.latest[bucket(index, place)];
  index.before.back() = latest;
  latest = place;
}

void NgramDraft::rebuild() {
  const std::size_t buckets = std::max(kBucketsFirst, std::bit_ceil(tokens_.size()));
  for (Index& index : indexes_) {
    index.latest.assign(buckets, kNone);
    index.before.clear();
    for (std::size_t i = 0; i < tokens_.size(); ++i) add_to(index, static_cast<std::int32_t>(i));
  }
}

void NgramDraft::forget_half() {
  tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(tokens_.size() / 2));
  rebuild();
}

void NgramDraft::append(Token token) {
  if (tokens_.size() >= tokens_max_) forget_half();
  tokens_.push_back(token);
  if (tokens_.size() > indexes_[0].latest.size()) {
    rebuild();
    return;
  }
  for (Index& index : indexes_) add_to(index, static_cast<std::int32_t>(tokens_.size()) - 1);
}

void NgramDraft::append(const std::vector<Token>& tokens) {
  for (const Token token : tokens) append(token);
}

// How many tokens up to this place are the same as at the end.
int NgramDraft::match_length(std::int32_t place) const {
  int length = 0;
  auto a = static_cast<std::size_t>(place);
  std::size_t b = tokens_.size() - 1;
  while (length < kMatchMax && tokens_[a] == tokens_[b] && tokens_[a] >= 0) {
    ++length;
    if (a == 0) break;
    --a;
    --b;
  }
  return length;
}

std::vector<Token> NgramDraft::draft(int max) const {
  std::vector<Token> out;
  if (tokens_.empty() || max <= 0) return out;
  std::int32_t best = kNone;
  int length = 0;
  for (const Index& index : indexes_) {
    std::int32_t place = index.before.back();
    for (int i = 0; i < kCandidates && place != kNone; ++i) {
      const int match = match_length(place);
      if (match >= index.gram && match > length) {
        best = place;
        length = match;
      }
      place = index.before[static_cast<std::size_t>(place)];
    }
    if (best != kNone) break;
  }
  if (best == kNone) return out;
  const int count = std::min(max, 2 * length);
  for (std::size_t at = static_cast<std::size_t>(best) + 1; static_cast<int>(out.size()) < count;
       ++at) {
    // Beyond the end the sequence is what was drafted so far: a loop goes on as a loop.
    const Token token = at < tokens_.size() ? tokens_[at] : out[at - tokens_.size()];
    if (token < 0) break;
    out.push_back(token);
  }
  return out;
}

}  // namespace xc::engine

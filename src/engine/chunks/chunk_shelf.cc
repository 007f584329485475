#include "engine/chunks/chunk_shelf.h"

#include <algorithm>

namespace xc::engine {
namespace {

constexpr std::size_t kTenantsKept = 4096;
constexpr std::uint64_t kArrivalPolls = 64;  // held for who waits: chunks here are pinned in RAM
constexpr int kTailMin = 16;                 // tokens; fewer are computed as fast as copied
constexpr int kChunk = static_cast<int>(kChunkTokens);

}  // namespace

void ChunkShelf::set_space(const std::string& tenant, ChunkSpaceRef space) {
  if (spaces_.size() >= kTenantsKept && !spaces_.contains(tenant)) spaces_.erase(spaces_.begin());
  spaces_[tenant] = std::move(space);
}

void ChunkShelf::poll() {
  ++polls_;
  store_.poll();
  std::erase_if(arrivals_, [this](const auto& arrival) {
    return arrival->here && polls_ - arrival->asked_at > kArrivalPolls;
  });
}

ChunkSpaceRef ChunkShelf::space_of(const std::string& tenant) const {
  const auto found = spaces_.find(tenant);
  return found == spaces_.end() ? nullptr : found->second;
}

TailTier::Place ChunkShelf::place_after(const ChunkChain& chain, std::size_t chunks) {
  return {chain.space()->root, chunks == 0 ? Digest{} : chain[chunks - 1].key};
}

ChunkShelf::Arrival* ChunkShelf::arrival_of(const ChunkChain& chain, std::size_t known) {
  for (const auto& arrival : arrivals_) {
    if (arrival->last == chain[known - 1].key) return arrival.get();
  }
  return nullptr;
}

KvShelf::Found ChunkShelf::find(const std::string& tenant, const std::vector<Token>& tokens,
                                int max) {
  const ChunkSpaceRef space = space_of(tenant);
  if (space == nullptr || max <= 0) return {};
  ChunkChain chain(space);
  chain.extend(std::span(tokens).first(static_cast<std::size_t>(max)));
  const ChunkCoverage covered = store_.covered(chain);
  if (covered.known < chain.size() && store_.will_be_ready()) return {0, true};
  std::size_t here = covered.ram;
  if (covered.known > covered.ram) {
    Arrival* arrival = arrival_of(chain, covered.known);
    if (arrival == nullptr) {
      auto fresh = std::make_shared<Arrival>();
      fresh->last = chain[covered.known - 1].key;
      fresh->first = covered.ram;
      const bool comes =
          store_.request(chain, covered.ram, covered.known, [fresh](std::vector<ChunkRef> chunks) {
            fresh->chunks = std::move(chunks);
            fresh->here = true;
          });
      fresh->here = !comes;
      arrivals_.push_back(fresh);
      arrival = fresh.get();
    }
    arrival->asked_at = polls_;
    if (!arrival->here) return {0, true};
    if (arrival->first <= here) here = std::max(here, arrival->first + arrival->chunks.size());
  }
  Found found{static_cast<int>(here) * kChunk, false};
  int common = 0;
  const auto rest = std::span(tokens).subspan(static_cast<std::size_t>(found.tokens),
                                              static_cast<std::size_t>(max - found.tokens));
  if (tails_.find(place_after(chain, here), rest, common) != nullptr) found.tokens += common;
  return found;
}

// Adds what RAM could not keep of the chain's arrivals, which are over now. Returns the keys of
// what they brought.
std::vector<Digest> ChunkShelf::take_arrivals(const ChunkChain& chain, std::size_t first,
                                              std::vector<ChunkRef>& chunks) {
  std::vector<Digest> keys;
  std::erase_if(arrivals_, [&](const auto& arrival) {
    if (!arrival->here || chain.size() == 0) return false;
    const bool ours = std::any_of(arrival->chunks.begin(), arrival->chunks.end(), [&](auto& c) {
      return c->link().key == chain[chain.size() - 1].key;
    });
    if (!ours) return false;
    for (const ChunkRef& chunk : arrival->chunks) {
      keys.push_back(chunk->link().key);
      const std::size_t next = first + chunks.size();
      if (next < chain.size() && keys.back() == chain[next].key) chunks.push_back(chunk);
    }
    return true;
  });
  return keys;
}

KvShelf::Loaded ChunkShelf::load(const std::string& tenant, int seq,
                                 const std::vector<Token>& tokens, int from, int to) {
  Loaded loaded{from, 0, 0};
  const ChunkSpaceRef space = space_of(tenant);
  if (space == nullptr) return loaded;
  ChunkChain chain(space);
  chain.extend(std::span(tokens).first(static_cast<std::size_t>(to)));
  const auto first = static_cast<std::size_t>(from / kChunk);
  std::vector<ChunkRef> chunks = store_.get(chain, first, chain.size());
  const std::vector<Digest> from_disk = take_arrivals(chain, first, chunks);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const int begin = static_cast<int>(first + i) * kChunk;
    const int end = std::min(begin + kChunk, to);
    if (!copier_.copy_in(seq, chunks[i]->payload(), begin, loaded.tokens, end)) return loaded;
    if (std::ranges::find(from_disk, chunks[i]->link().key) != from_disk.end()) {
      loaded.from_disk += end - loaded.tokens;
    }
    loaded.tokens = end;
    loaded.bytes += chunks[i]->payload().size();
  }
  const std::size_t whole = first + chunks.size();
  const int begin = static_cast<int>(whole) * kChunk;
  if (loaded.tokens < begin || begin >= to) return loaded;
  int common = 0;
  const auto rest = std::span(tokens).subspan(static_cast<std::size_t>(begin),
                                              static_cast<std::size_t>(to - begin));
  const Tail* tail = tails_.find(place_after(chain, whole), rest, common);
  if (tail == nullptr || begin + common <= loaded.tokens) return loaded;
  if (copier_.copy_in(seq, tail->bytes, begin, loaded.tokens, begin + common)) {
    loaded.tokens = begin + common;
    loaded.bytes += tail->bytes.size();
  }
  return loaded;
}

KvShelf::Saved ChunkShelf::save(const std::string& tenant, int seq,
                                const std::vector<Token>& tokens) {
  Saved saved;
  const ChunkSpaceRef space = space_of(tenant);
  if (space == nullptr) return saved;
  ChunkChain chain(space);
  chain.extend(tokens);
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const int begin = static_cast<int>(i) * kChunk;
    saved.tokens = begin + kChunk;
    if (store_.state(chain[i]) != ChunkState::Absent) continue;
    KvBytes bytes = copier_.copy_out(seq, begin, begin + kChunk);
    if (bytes.empty()) return {begin, saved.bytes};
    saved.bytes += bytes.size();
    store_.put(chain, i, std::move(bytes));
    tails_.drop_beginnings(place_after(chain, i), chain[i].tokens);
  }
  const std::size_t begin = chain.size() * kChunkTokens;
  const auto rest = std::span(tokens).subspan(begin);
  const bool text = std::all_of(rest.begin(), rest.end(), [](Token t) { return t >= 0; });
  if (static_cast<int>(rest.size()) < kTailMin || rest.size() >= kChunkTokens || !text)
    return saved;
  const TailTier::Place place = place_after(chain, chain.size());
  if (tails_.has(place, rest)) return {static_cast<int>(tokens.size()), saved.bytes};
  Tail tail{{rest.begin(), rest.end()},
            copier_.copy_out(seq, static_cast<int>(begin), static_cast<int>(tokens.size()))};
  if (tail.bytes.empty()) return saved;
  saved = {static_cast<int>(tokens.size()), saved.bytes + tail.bytes.size()};
  tails_.put(place, std::move(tail));
  return saved;
}

}  // namespace xc::engine

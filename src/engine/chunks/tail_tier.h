// The ends of sequences that do not fill a chunk: KV bytes of fewer than 256 tokens, in RAM only,
// found by the chunk before them. Least recently used goes first. Engine thread only.
#pragma once

#include <list>
#include <map>
#include <vector>

#include "engine/chunks/chunk_key.h"

namespace xc::engine {

struct Tail {
  std::vector<Token> tokens;
  KvBytes bytes;
};

class TailTier {
 public:
  explicit TailTier(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // After which chunk: its space's root and its key (zeros before the first chunk).
  using Place = std::pair<Digest, Digest>;

  // Replaces tails of this place that are a beginning of this one.
  void put(const Place& place, Tail tail);
  // A chunk took the place of tails that are its beginning.
  void drop_beginnings(const Place& place, std::span<const Token> tokens);
  // The tail that shares the longest beginning with `tokens`; null: none. Valid until the next put.
  const Tail* find(const Place& place, std::span<const Token> tokens, int& common);
  // Whether these tokens are here, or more that begin with them; counts as a use.
  bool has(const Place& place, std::span<const Token> tokens);
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Place place;
    Tail tail;
  };
  using Entries = std::list<Entry>;  // the most recently used first
  void erase(Entries::iterator entry);

  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  Entries entries_;
  std::multimap<Place, Entries::iterator> by_place_;
};

}  // namespace xc::engine

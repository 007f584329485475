// The sequences of one KV cache: who lives in which, what finished ones keep for the next request
// of the same conversation, and who goes when room is short. Shares prefixes by copying cell
// references; never cuts or steals a sequence in use. No model here: the cache is an interface.
// Engine thread only.
//
// Invariant: tokens(s) is exactly what the cache holds for s, and ledger cells agree with it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/core/kv_ledger.h"

namespace xc::engine {

using Token = std::int32_t;
inline constexpr Token kMediaToken = -1;  // a position of an image; never equal to another

class CacheMemory {
 public:
  virtual ~CacheMemory() = default;
  // dst (empty) shares positions [0, end) of src.
  virtual void share(int src, int dst, int end) = 0;
  // Drops positions [from, ∞). False when this memory cannot drop a part.
  virtual bool drop(int seq, int from) = 0;
};

class SequencePool {
 public:
  // can_share: ranged copies and partial removal work in this memory.
  SequencePool(int sequences, int cells, bool can_share, CacheMemory& memory);

  struct Claim {
    int seq = 0;
    int reused = 0;  // leading tokens of the prompt that are in the cache already
  };
  // A sequence for this prompt, with the longest known prefix (at most reuse_max tokens). Evicts
  // retained sequences when ids or `reserve` cells beyond the prompt are short. nullopt: no room
  // now. `salt` separates tenants: prefixes are shared only within one salt.
  std::optional<Claim> claim(const std::vector<Token>& prompt, int reuse_max, int reserve,
                             std::uint64_t salt);
  // A second sequence with all tokens of seq (n > 1); nullopt when there is no free id.
  std::optional<int> fork(int seq);

  // The cache took these tokens.
  void append(int seq, const Token* tokens, int count);
  // The sequence's request ended. retain: keep its tokens for a later prompt.
  void release(int seq, bool retain);
  // Frees the least recently used retained sequence; false when there is none.
  bool evict_one();

  const std::vector<Token>& tokens(int seq) const { return slots_[index(seq)].tokens; }
  int cells_used() const { return ledger_.cells(); }
  int cells() const { return cells_; }
  int live() const;
  int retained() const;

 private:
  enum class Use : std::uint8_t { Free, Live, Retained };
  struct Slot {
    Use use = Use::Free;
    std::uint64_t salt = 0;
    std::uint64_t used_at = 0;
    std::vector<Token> tokens;
  };
  static std::size_t index(int seq) { return static_cast<std::size_t>(seq); }
  std::optional<Claim> find_donor(const std::vector<Token>& prompt, int reuse_max,
                                  std::uint64_t salt) const;
  std::optional<int> free_slot(int keep);
  bool make_room(int cells_needed, int keep);
  bool evict_one_but(int keep);
  void free(int seq);

  int cells_;
  bool can_share_;
  CacheMemory& memory_;
  KvLedger ledger_;
  std::vector<Slot> slots_;
  std::uint64_t clock_ = 0;
};

}  // namespace xc::engine

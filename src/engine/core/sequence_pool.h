// The sequences of one KV cache: who lives in which, what finished ones keep for the next request
// of the same conversation, and who goes when room is short. Shares prefixes by copying cell
// references; never cuts or steals a sequence in use. No model here: the cache is an interface.
// Engine thread only.
//
// Invariant: tokens(s) is exactly what the cache holds for s, and ledger cells agree with it.
#pragma once

#include <climits>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/kv_ledger.h"

namespace xc::engine {

using Token = std::int32_t;
inline constexpr Token kMediaToken = -1;  // a position of an image; never equal to another

// Equal leading tokens; never beyond an image, whose tokens say nothing of it.
int common_prefix(std::span<const Token> a, std::span<const Token> b);

class CacheMemory {
 public:
  virtual ~CacheMemory() = default;
  // dst (empty) shares positions [0, end) of src.
  virtual void share(int src, int dst, int end) = 0;
  // Drops positions [from, ∞). False when this memory cannot drop a part.
  virtual bool drop(int seq, int from) = 0;
  // A retained sequence is about to be dropped: the last chance to copy it.
  virtual void leaving(int seq, std::uint64_t salt, const std::vector<Token>& tokens) {
    (void)seq, (void)salt, (void)tokens;
  }
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
  // retained sequences when ids or `reserve` cells beyond the prompt are short, at last the donor's
  // own end. nullopt: no room now, and nothing was evicted for it. `salt` separates tenants:
  // prefixes are shared only within one salt.
  // `retained_max`: see trim_retained().
  std::optional<Claim> claim(const std::vector<Token>& prompt, int reuse_max, int reserve,
                             std::uint64_t salt, int retained_max = INT_MAX);
  // A second sequence with all tokens of seq (n > 1); nullopt when there is no free id.
  std::optional<int> fork(int seq);

  // Leading tokens of the prompt that the cache holds already, at most reuse_max.
  int longest(const std::vector<Token>& prompt, int reuse_max, std::uint64_t salt) const;
  // Leading tokens that any sequence has too, whether it could serve them or not.
  int common(const std::vector<Token>& prompt, std::uint64_t salt) const;

  // The cache took these tokens.
  void append(int seq, const Token* tokens, int count);
  // The sequence's request ended. retain: keep its tokens for a later prompt.
  void release(int seq, bool retain);
  // Takes the last tokens of a live sequence away again: refused guesses. Needs can_share.
  void truncate(int seq, int length);
  // Frees the least recently used retained sequence; false when there is none.
  bool evict_one();
  // Frees retained sequences, oldest first, until they hold at most cells_max beside those of live
  // ones and of `keep` (-1: none). Every step attends to all used cells: what nobody uses costs
  // everybody.
  void trim_retained(int cells_max, int keep);
  // A retained sequence whose tokens were not all copied out yet; nullopt: there is none.
  struct Unsaved {
    int seq = 0;
    std::uint64_t salt = 0;
  };
  std::optional<Unsaved> unsaved() const;
  void mark_saved(int seq) { slots_[index(seq)].saved = slots_[index(seq)].tokens.size(); }
  // visit(seq, is_live, salt, tokens, own_cells) for everything the cache holds.
  template <typename Visit>
  void each(Visit&& visit) const {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const Slot& slot = slots_[i];
      const int seq = static_cast<int>(i);
      if (slot.use == Use::Free) continue;
      visit(seq, slot.use == Use::Live, slot.salt, static_cast<int>(slot.tokens.size()),
            ledger_.exclusive(seq));
    }
  }
  std::uint64_t salt(int seq) const { return slots_[index(seq)].salt; }

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
    std::size_t saved = 0;  // leading tokens that were copied out
    std::vector<Token> tokens;
  };
  static std::size_t index(int seq) { return static_cast<std::size_t>(seq); }
  std::optional<Claim> find_donor(const std::vector<Token>& prompt, int reuse_max,
                                  std::uint64_t salt) const;
  std::optional<int> free_slot(int keep);
  bool could_hold(int cells_needed, const std::optional<Claim>& donor) const;
  void make_room(int cells_needed, int keep);
  Claim cut(const Claim& donor);
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

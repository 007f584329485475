// A request as the scheduler sees it: lanes of tokens that want to be computed. The engine derives
// from both to hang its samplers and answers on them. Engine thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "engine/core/draft_governor.h"
#include "engine/core/model_draft.h"
#include "engine/core/ngram_draft.h"
#include "engine/core/sequence_pool.h"

namespace xc::engine {

struct Request;

// One choice of a request: a sequence in the cache that grows token by token.
struct Lane {
  virtual ~Lane() = default;

  Request* request = nullptr;
  int number = 0;
  int seq = -1;               // in the cache; -1: waiting for room
  std::vector<Token> target;  // prompt, then what was generated: what the cache must hold next
  int generated = 0;
  int media_shift = 0;  // positions minus tokens, from images with positions of their own
  bool parked = false;  // its reader lags: do not decode
  bool done = false;
  std::uint64_t leader = 0;  // request whose prompt this one waits to share; 0: none
  int leader_tokens = 0;     // how much of it
  SteadyTime disk_since{};   // waits for the disk since then; never: {}
  int checkpoint_at = 0;     // the shelf wants the state after so many tokens; 0: none
  bool swapped_out = false;  // had to leave the cache; the shelf has its beginning

  // Speculation; null: off.
  struct Speculation {
    NgramDraft past;
    DraftGovernor governor;
    std::size_t known = 0;  // tokens of target that `past` has seen
    ModelDraft model;       // asked where the past has nothing to offer
    bool by_model = false;  // the guesses of this step are its
  };
  std::unique_ptr<Speculation> speculation;
  std::vector<Token> draft;  // guesses that ride in the step being computed
};

struct Request {
  virtual ~Request() = default;

  std::uint64_t id = 0;  // given by the scheduler, in order of arrival
  std::string tenant, key;
  std::uint64_t adapter = 0;  // LoRA adapter, by a number that is its own for ever; 0: none
  int priority = 1;           // 0 interactive, 1 normal, 2 background
  Deadline deadline = Deadline::never();
  SteadyTime arrived{};
  SteadyTime placed_at{};  // in the cache for the first time
  int prompt_tokens = 0;
  int known_tokens = 0;     // of them in the cache when it arrived
  int forgiven_tokens = 0;  // of the prompt, not charged: known, or another computes them
  int max_tokens = 0;       // of each lane
  int lanes_wanted = 1;     // n; the others are forked when the prompt is computed
  static constexpr int kReuseAll = 1 << 30;
  int reuse_max = kReuseAll;  // leading tokens that the cache may serve (up to an image)
  // Until the prompt is sampled every row of it gives logits: the cache may serve only what was
  // computed for this request, so the scheduler keeps reuse_max at that. No images then.
  bool score_prompt = false;
  bool cancelled = false;  // nobody reads the answer
  bool sampled = false;    // the prompt is computed and every lane has its first token
  int cached_tokens = 0;   // of the prompt, served by the cache when it first came in
  int preemptions = 0;     // how often it had to leave
  std::vector<std::unique_ptr<Lane>> lanes;

  // Whose cache it uses: what another tenant computed, or another adapter, is not for it. A
  // tenant's name has no NUL.
  std::string space() const { return space_of(tenant, adapter); }
  static std::string space_of(const std::string& tenant, std::uint64_t adapter) {
    return adapter == 0 ? tenant : tenant + '\0' + std::to_string(adapter);
  }

  bool in_cache() const {
    for (const auto& lane : lanes) {
      if (lane->seq >= 0) return true;
    }
    return false;
  }
  // It answers, and nobody takes what it says.
  bool lags() const {
    for (const auto& lane : lanes) {
      if (!lane->done && !lane->parked) return false;
    }
    return sampled;
  }
  bool ended() const {
    for (const auto& lane : lanes) {
      if (!lane->done) return false;
    }
    return true;
  }
  int generated() const {
    int sum = 0;
    for (const auto& lane : lanes) sum += lane->generated;
    return sum;
  }
};

}  // namespace xc::engine

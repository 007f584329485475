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

  // Speculation; null: off.
  struct Speculation {
    NgramDraft past;
    DraftGovernor governor;
    std::size_t known = 0;  // tokens of target that `past` has seen
  };
  std::unique_ptr<Speculation> speculation;
  std::vector<Token> draft;  // guesses that ride in the step being computed
};

struct Request {
  virtual ~Request() = default;

  std::uint64_t id = 0;  // given by the scheduler, in order of arrival
  std::string tenant, key;
  int priority = 1;  // 0 interactive, 1 normal, 2 background
  Deadline deadline = Deadline::never();
  SteadyTime arrived{};
  SteadyTime placed_at{};  // in the cache for the first time
  int prompt_tokens = 0;
  int max_tokens = 0;              // of each lane
  int lanes_wanted = 1;            // n; the others are forked when the prompt is computed
  int reuse_max = 1 << 30;         // leading tokens that the cache may serve (up to an image)
  bool cancelled = false;          // nobody reads the answer
  bool sampled = false;            // the prompt is computed and every lane has its first token
  int cached_tokens = 0;           // of the prompt, served by the cache
  std::vector<std::unique_ptr<Lane>> lanes;

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

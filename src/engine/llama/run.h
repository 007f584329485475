// A job in progress and its choices. Engine thread only.
#pragma once

#include <memory>
#include <vector>

#include "engine/llama/job.h"

namespace xc::engine::llama {

struct Run;

// One choice: a sequence in the cache that grows token by token.
struct Choice {
  Run* run = nullptr;
  int number = 0;
  int seq = -1;               // in the cache; -1: waiting for room
  std::vector<Token> target;  // prompt, then what was generated: what the cache must hold next
  int media_shift = 0;        // positions minus tokens, from images with their own positions
  std::unique_ptr<Sampler> sampler;
  TextStream text;
  int generated = 0;
  bool done = false;

  explicit Choice(std::vector<std::string> stops) : text(std::move(stops)) {}
};

struct Run {
  std::unique_ptr<Job> job;
  std::uint64_t arrival = 0;
  std::vector<std::unique_ptr<Choice>> choices;
  int prompt_tokens = 0;
  int cached_tokens = 0;
  bool sampled = false;  // the prompt is computed and every choice has its first token
  SteadyTime admitted{};
  SteadyTime first_token{};

  bool ended() const {
    for (const auto& choice : choices) {
      if (!choice->done) return false;
    }
    return true;
  }
  int generated() const {
    int sum = 0;
    for (const auto& choice : choices) sum += choice->generated;
    return sum;
  }
};

}  // namespace xc::engine::llama

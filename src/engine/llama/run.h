// A job in progress and its choices: the scheduler's request and lanes with what the model side
// hangs on them. Engine thread only.
#pragma once

#include <memory>

#include "engine/core/request.h"
#include "engine/llama/job.h"

namespace xc::engine::llama {

struct Choice final : Lane {
  std::unique_ptr<Sampler> sampler;
  TextStream text;

  explicit Choice(std::vector<std::string> stops) : text(std::move(stops)) {}
  explicit Choice(TextStream begun) : text(std::move(begun)) {}
};

struct Run final : Request {
  std::unique_ptr<Job> job;
  bool announced = false;  // the first piece went out
  SteadyTime first_token{};
  std::vector<schema::LogprobEntry> scores;  // of the prompt's tokens, where they are asked for
};

inline Choice& choice_of(Lane& lane) { return static_cast<Choice&>(lane); }
inline Run& run_of(const Lane& lane) { return static_cast<Run&>(*lane.request); }

}  // namespace xc::engine::llama

#include "engine/fake_job.h"

#include <algorithm>

namespace xc::engine {

Handover::Part fake_part_of(const FakeJob& job) {
  Handover::Part part;
  for (std::size_t c = 0; c < job.choices.size(); ++c) {
    const auto& deltas = job.choices[c];
    const std::size_t taken = job.endless ? job.step : std::min(job.step, deltas.size());
    Handover::Choice choice;
    for (std::size_t i = 0; i < taken; ++i) {
      choice.tokens.push_back(static_cast<std::int32_t>(i));
      choice.generated += job.is_token(c, i) ? 1 : 0;
    }
    choice.finished = !job.endless && taken == deltas.size();
    part.choices.push_back(std::move(choice));
  }
  if (job.step == 0) part.choices.clear();
  return part;
}

void fake_resume(FakeJob& job, const Handover* past) {
  if (past == nullptr) return;
  for (const Handover::Choice& choice : past->parts.front().choices) {
    job.prefilled = true;
    job.step = std::max(job.step, choice.tokens.size());
    job.usage.completion_tokens += choice.generated;
  }
}

}  // namespace xc::engine

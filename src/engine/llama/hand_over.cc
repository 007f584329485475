// How running answers leave this process, and how they go on in another one.
#include <algorithm>

#include "engine/llama/answers.h"
#include "engine/llama/llama_engine.h"

namespace xc::engine::llama {
namespace {

Handover::Part part_of(const Run& run) {
  Handover::Part part;
  part.cached_tokens = run.cached_tokens;
  if (!run.sampled) return part;
  for (const auto& lane : run.lanes) {
    Handover::Choice choice;
    choice.tokens.assign(lane->target.begin() + run.prompt_tokens, lane->target.end());
    choice.generated = lane->generated;
    choice.finished = lane->done;
    part.choices.push_back(std::move(choice));
  }
  return part;
}

void push_handover(const Request& request) {
  const Run& run = static_cast<const Run&>(request);
  if (run.ended()) return;
  Piece piece;
  piece.handover = part_of(run);
  run.job->queue->push(std::move(piece));
}

}  // namespace

void EngineThread::hand_over() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  poke();
}

bool EngineThread::leaving() const {
  const std::lock_guard lock(mutex_);
  return leaving_;
}

void EngineThread::hand_over_all() {
  scheduler_.save_all();
  for (const auto& request : scheduler_.running()) push_handover(*request);
  for (const auto& [id, request] : scheduler_.queued()) push_handover(*request);
  scheduler_.abandon_all();
  if (!vector_jobs_.empty()) vectors_->forget();
  for (auto& job : vector_jobs_) {
    job->queue->push(fail(Code::Unavailable, Message::ShuttingDown));
  }
  vector_jobs_.clear();
}

// To the scheduler it looks like a request that was preempted.
void EngineThread::resume_lanes(Run& run, Job& job) {
  run.sampled = true;
  run.prompt_tokens = static_cast<int>(job.prompt.size());
  run.cached_tokens = job.past_cached_tokens;
  for (std::size_t i = 0; i < job.past.size(); ++i) {
    Job::Past& past = job.past[i];
    auto choice = std::make_unique<Choice>(std::move(past.text));
    choice->number = static_cast<int>(i);
    choice->target = job.prompt;
    choice->target.insert(choice->target.end(), past.tokens.begin(), past.tokens.end());
    choice->generated = past.generated;
    choice->done = past.finished;
    choice->sampler = std::move(job.samplers[i]);
    if (job.speculation) choice->speculation = std::make_unique<Lane::Speculation>();
    run.lanes.push_back(std::move(choice));
  }
}

// Null: from the beginning.
Result<const Handover::Part*> LlamaEngine::past_of(const RequestContext& context, std::size_t index,
                                                   std::size_t count) {
  if (context.resume == nullptr) return nullptr;
  const auto& parts = context.resume->parts;
  if (parts.size() != count) return fail_internal("a handover of another request");
  return parts[index].choices.empty() ? nullptr : &parts[index];
}

// The state of a generator cannot be handed over. With the same seed again it would repeat the
// numbers that it began with, so the seed moves on with the answer.
schema::Sampling LlamaEngine::reseeded(schema::Sampling sampling, const Handover::Part* past) {
  if (past == nullptr || !sampling.seed) return sampling;
  std::int64_t said = 0;
  for (const Handover::Choice& choice : past->choices) said += choice.generated;
  sampling.seed = (*sampling.seed + said * 0x9E3779B1) & 0x7FFFFFFF;
  return sampling;
}

// Brings samplers, texts and readers to where they were, by the same pieces in the same order; what
// comes out of them was delivered before.
Status LlamaEngine::replay(const Handover::Part& part, Job& job, StreamAnswer& answer) const {
  if (part.choices.size() != job.samplers.size()) {
    return fail_internal("a handover of another request");
  }
  job.past_cached_tokens = static_cast<int>(part.cached_tokens);
  for (std::size_t i = 0; i < part.choices.size(); ++i) {
    const Handover::Choice& said = part.choices[i];
    XC_CHECK(check_tokens(said.tokens));
    XC_CHECK(check_length(job.prompt, model_->facts().context,
                          static_cast<int>(said.tokens.size()) + 1));
    Job::Past past{said.tokens, said.generated, said.finished, TextStream(job.stops)};
    Piece piece;
    piece.choice = static_cast<int>(i);
    piece.text = job.echo;
    if (!job.echo.empty()) answer.replay(piece);
    for (const Token token : said.tokens) {
      const bool visible = job.show_special || job.preserved.contains(token);
      piece.text = past.text.add(model_->piece(token, visible));
      piece.tokens = 1;
      if (!piece.text.empty() || job.top_logprobs >= 0) answer.replay(piece);
    }
    if (said.finished) {
      piece.text = past.text.finish();
      piece.tokens = 0;
      piece.finish = schema::Finish::Stop;
      answer.replay(piece);
    } else {
      XC_CHECK(job.samplers[i]->accept_answer(said.tokens));
    }
    job.past.push_back(std::move(past));
  }
  return {};
}

Result<std::unique_ptr<DeltaAnswer>> LlamaEngine::launch(std::unique_ptr<Job> job,
                                                         std::unique_ptr<StreamAnswer> answer,
                                                         const Handover::Part* past) {
  if (past != nullptr) {
    XC_CHECK(replay(*past, *job, *answer));
    const bool whole = std::all_of(past->choices.begin(), past->choices.end(),
                                   [](const auto& choice) { return choice.finished; });
    if (whole) {  // of several prompts, this one was done
      Piece piece;
      piece.end.emplace();
      piece.end->usage.prompt_tokens = static_cast<std::int64_t>(job->prompt.size());
      piece.end->usage.cached_tokens = past->cached_tokens;
      for (const auto& choice : past->choices) {
        piece.end->usage.completion_tokens += choice.generated;
      }
      job->queue->push(std::move(piece));
      return std::move(answer);
    }
  }
  XC_CHECK(thread_->submit(std::move(job)));
  return std::move(answer);
}

}  // namespace xc::engine::llama

// One step of the engine thread: what is computed, and what becomes of the tokens.
#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "engine/llama/cache.h"
#include "engine/llama/engine_thread.h"
#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

int computed(const Choice& choice, const SequencePool& pool) {
  return static_cast<int>(pool.tokens(choice.seq).size());
}

// The image that starts at this token, or null.
const Media* media_at(const Job& job, int token) {
  for (const Media& media : job.media) {
    if (media.at == token) return &media;
  }
  return nullptr;
}

// Text tokens from `from` on, up to the next image.
int text_ahead(const Choice& choice, int from) {
  const auto& target = choice.target;
  int n = from;
  while (n < static_cast<int>(target.size()) &&
         target[static_cast<std::size_t>(n)] != kMediaToken) {
    ++n;
  }
  return n - from;
}

}  // namespace

// The abort callback of the library, called between operations of a running step.
bool EngineThread::step_cancelled() const {
  if (rows_.empty()) return false;
  return std::all_of(rows_.begin(), rows_.end(),
                     [](const Row& row) { return row.choice->run->job->queue->cancelled(); });
}

// Images are encoded one at a time, before the text behind them.
bool EngineThread::step_media() {
  for (Choice* choice : placed()) {
    const int at = computed(*choice, pool_);
    const Media* media = media_at(*choice->run->job, at);
    if (media == nullptr) continue;
    llama_pos pos = at + choice->media_shift;
    const Status done = vision_->decode(context_.get(), *media, choice->seq, budget_.tokens, pos);
    if (!done) {
      fail_run(*choice->run, done.error());
      return true;
    }
    const std::vector<Token> cells(static_cast<std::size_t>(media->tokens), kMediaToken);
    pool_.append(choice->seq, cells.data(), media->tokens);
    choice->media_shift = pos - (at + media->tokens);
    counters_.prompt_tokens_computed += static_cast<std::uint64_t>(media->tokens);
    return true;
  }
  return false;
}

bool EngineThread::step_tokens() {
  std::vector<SequenceView> views;
  for (Choice* choice : placed()) {
    const int left = text_ahead(*choice, computed(*choice, pool_));
    const bool decoding = choice->run->sampled && left == 1;
    views.push_back({choice->seq, choice->run->arrival, decoding ? 0 : left,
                     decoding && choice->run->job->queue->full()});
  }
  const std::vector<Slice> plan = plan_step(views, budget_);
  if (plan.empty()) return false;
  build_batch(plan);
  const int code = llama_decode(context_.get(), batch_.raw());
  if (code == 0) {
    after_decode();
  } else {
    handle_decode_failure(code);
  }
  rows_.clear();
  return true;
}

void EngineThread::build_batch(const std::vector<Slice>& plan) {
  batch_.clear();
  rows_.clear();
  std::vector<Choice*> by_seq(static_cast<std::size_t>(model_.options().sequences), nullptr);
  for (Choice* choice : placed()) by_seq[static_cast<std::size_t>(choice->seq)] = choice;
  for (const Slice& slice : plan) {
    Choice* choice = by_seq[static_cast<std::size_t>(slice.seq)];
    XC_ASSERT(choice != nullptr);
    const int from = computed(*choice, pool_);
    Row row{choice, -1, slice.tokens};
    for (int i = 0; i < slice.tokens; ++i) {
      const auto at = static_cast<std::size_t>(from + i);
      const bool last = at + 1 == choice->target.size();
      const int index =
          batch_.add(choice->target[at], from + i + choice->media_shift, choice->seq, last);
      if (last) row.row = index;
    }
    rows_.push_back(row);
  }
}

void EngineThread::after_decode() {
  for (const Row& row : rows_) {
    Choice& choice = *row.choice;
    const int from = computed(choice, pool_);
    pool_.append(choice.seq, choice.target.data() + from, row.tokens);
    if (choice.generated == 0) {
      counters_.prompt_tokens_computed += static_cast<std::uint64_t>(row.tokens);
    }
  }
  // Rows are copied: a fork below adds choices, and on_token may end some.
  const std::vector<Row> rows = rows_;
  for (const Row& row : rows) {
    if (row.row < 0 || row.choice->done) continue;
    Run& run = *row.choice->run;
    if (!run.sampled) {
      run.sampled = true;
      run.first_token = std::chrono::steady_clock::now();
      fork_choices(run);
      for (auto& choice : run.choices) on_token(*choice, row.row);
    } else {
      on_token(*row.choice, row.row);
    }
  }
}

// The other choices of n > 1 share the computed prompt.
void EngineThread::fork_choices(Run& run) {
  Job& job = *run.job;
  Choice& first = *run.choices.front();
  for (std::size_t i = 1; i < job.samplers.size(); ++i) {
    auto choice = std::make_unique<Choice>(job.stops);
    choice->run = &run;
    choice->number = static_cast<int>(i);
    choice->target = first.target;
    choice->media_shift = first.media_shift;
    choice->sampler = std::move(job.samplers[i]);
    if (const auto seq = pool_.fork(first.seq)) choice->seq = *seq;
    run.choices.push_back(std::move(choice));
  }
  if (!job.echo.empty()) {
    for (auto& choice : run.choices) {
      Piece piece;
      piece.choice = choice->number;
      piece.text = job.echo;
      job.queue->push(std::move(piece));
    }
  }
}

void EngineThread::on_token(Choice& choice, int row) {
  Run& run = *choice.run;
  const Job& job = *run.job;
  if (job.max_tokens == 0) {  // the caller wanted the prompt only (echo)
    finish_choice(choice, schema::Finish::Length);
    return;
  }
  Token token = 0;
  try {
    token = choice.sampler->sample(context_.get(), row);
  } catch (const std::exception& e) {  // a grammar that met a token it cannot place
    fail_run(run, {Code::Internal, Message::InternalError, {"grammar"}, e.what(), {}, 0});
    return;
  }
  ++choice.generated;
  ++counters_.tokens_generated;
  if (model_.ends_generation(token)) {
    finish_choice(choice, schema::Finish::Stop);
    return;
  }
  choice.target.push_back(token);
  Piece piece;
  piece.choice = choice.number;
  piece.tokens = 1;
  const bool visible = job.show_special || job.preserved.contains(token);
  piece.text = choice.text.add(model_.piece(token, visible));
  if (job.top_logprobs >= 0) {
    piece.logprobs.push_back(logprobs_of(model_, context_.get(), row, token, job.top_logprobs));
  }
  const bool worth_sending = !piece.text.empty() || !piece.logprobs.empty();
  if (worth_sending) run.job->queue->push(std::move(piece));
  if (choice.text.stopped()) {
    finish_choice(choice, schema::Finish::Stop);
  } else if (choice.generated >= job.max_tokens ||
             static_cast<int>(choice.target.size()) >= model_.facts().context) {
    finish_choice(choice, schema::Finish::Length);
  }
}

void EngineThread::finish_choice(Choice& choice, schema::Finish finish) {
  Run& run = *choice.run;
  Piece piece;
  piece.choice = choice.number;
  piece.text = choice.text.finish();
  piece.finish = finish;
  piece.stop_match = choice.text.stop_match();
  choice.done = true;
  unplace(choice, choice.number == 0);
  if (run.ended()) {
    const auto now = std::chrono::steady_clock::now();
    const auto ms = [](SteadyTime a, SteadyTime b) {
      return std::chrono::duration<double, std::milli>(b - a).count();
    };
    Piece::End end;
    end.usage.prompt_tokens = run.prompt_tokens;
    end.usage.cached_tokens = run.cached_tokens;
    end.usage.completion_tokens = run.generated();
    end.timings = {ms(run.job->arrived, run.admitted), ms(run.admitted, run.first_token),
                   ms(run.first_token, now)};
    piece.end = end;
  }
  run.job->queue->push(std::move(piece));
}

// 1: no room in the cache, nothing was changed. 2: aborted, parts may be in the cache.
void EngineThread::handle_decode_failure(int code) {
  if (code == 1) {
    if (pool_.evict_one() || preempt_one()) return;
    for (const Row& row : rows_) {
      if (row.choice->done) continue;
      row.choice->run->sampled = true;
      finish_choice(*row.choice, schema::Finish::Length);
    }
    return;
  }
  if (code == 2) return;  // all of them were cancelled: drop_cancelled() clears their sequences
  const std::string reason = last_error_logged();
  for (const Row& row : rows_) {
    if (row.choice->done) continue;
    fail_run(*row.choice->run, {Code::Upstream,
                                Message::WorkerLost,
                                {},
                                fmt::format("decode returned {}: {}", code, reason),
                                {},
                                0});
  }
}

// The youngest run gives its cells back and is computed again when there is room; what it has
// said stays said. False when only one run is left.
bool EngineThread::preempt_one() {
  if (running_.size() < 2) return false;
  auto victim =
      std::max_element(running_.begin(), running_.end(), [](const auto& a, const auto& b) {
        return std::pair(a->job->context.priority, a->arrival) <
               std::pair(b->job->context.priority, b->arrival);
      });
  for (auto& choice : (*victim)->choices) unplace(*choice, false);
  ++counters_.preemptions;
  waiting_.push_front(std::move(*victim));
  running_.erase(victim);
  return true;
}

}  // namespace xc::engine::llama

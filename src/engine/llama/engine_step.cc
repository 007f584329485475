// One step of the engine thread: what is computed, and what becomes of the tokens.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/assert.h"
#include "engine/llama/engine_thread.h"
#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

// Tokens of a scored prompt in one piece: with 20 alternatives each 120 KB of JSON.
constexpr std::ptrdiff_t kScoresAPiece = 128;

// The image that starts at this token, or null.
const Media* media_at(const Job& job, int token) {
  for (const Media& media : job.media) {
    if (media.at == token) return &media;
  }
  return nullptr;
}

}  // namespace

// The abort callback of the library, called between operations of a running step.
bool EngineThread::step_cancelled() const {
  if (probing_) {
    const std::lock_guard lock(mutex_);
    return has_news();
  }
  if (rows_.empty()) return false;
  return std::all_of(rows_.begin(), rows_.end(), [](const Scheduler::Row& row) {
    return run_of(*row.lane).job->queue->cancelled();
  });
}

// Images are encoded one at a time, before the text behind them.
bool EngineThread::step_media() {
  for (Lane* lane : scheduler_.placed()) {
    Run& run = run_of(*lane);
    const int at = scheduler_.computed_tokens(*lane);
    const Media* media = media_at(*run.job, at);
    if (media == nullptr) continue;
    const SequencePool& pool = scheduler_.pool();
    const bool roomy = pool.cells() - pool.cells_used() >= media->tokens;
    if (!roomy && scheduler_.make_room()) return true;
    if (const Status set = adapters_.apply(context_.get(), run.job->adapter); !set) {
      fail_run(run, set.error());
      return true;
    }
    llama_pos pos = at + lane->media_shift;
    const Status done =
        vision_->decode(context_.get(), *media, lane->seq, model_.options().micro_batch, pos);
    if (!done) {
      fail_run(run, done.error());
      return true;
    }
    scheduler_.filled(*lane, media->tokens);
    lane->media_shift = pos - (at + media->tokens);
    return true;
  }
  return false;
}

bool EngineThread::step_tokens() {
  const auto started = std::chrono::steady_clock::now();
  const int threads = governor_.threads(started);
  if (drafter_ != nullptr) drafter_->use_threads(threads);
  rows_ = scheduler_.plan(started, threads);
  if (rows_.empty()) return false;
  if (apply_adapter()) decode_rows(threads);
  rows_.clear();
  return true;
}

// All rows of a step are of one adapter. False: it cannot be had, its requests have failed.
bool EngineThread::apply_adapter() {
  const Status set = adapters_.apply(context_.get(), run_of(*rows_.front().lane).job->adapter);
  if (set) return true;
  for (const Scheduler::Row& row : rows_) {
    if (!row.lane->done) fail_run(run_of(*row.lane), set.error());
  }
  return false;
}

void EngineThread::decode_rows(int threads) {
  pool_.use(context_.get(), threads);
  build_batch();
  const auto started = std::chrono::steady_clock::now();
  const int code = llama_decode(context_.get(), batch_.raw());
  if (code != 0) {
    handle_decode_failure(code);
    return;
  }
  llama_synchronize(context_.get());
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
  counters_.step_ms_mean += (took.count() - counters_.step_ms_mean) * 0.1;
  ++counters_.steps;
  scheduler_.computed(rows_, took.count());
  after_decode();
}

void EngineThread::build_batch() {
  batch_.clear();
  outputs_.clear();
  for (const Scheduler::Row& row : rows_) {
    const Lane& lane = *row.lane;
    const int own = row.tokens - row.drafts;
    int first_output = -1;
    for (int i = 0; i < row.tokens; ++i) {
      const auto at = static_cast<std::size_t>(row.from + i);
      const Token token = i < own ? lane.target[at] : lane.draft[static_cast<std::size_t>(i - own)];
      const bool output = at + 1 >= lane.target.size() || lane.request->score_prompt;
      const int index = batch_.add(token, row.from + i + lane.media_shift, lane.seq, output);
      if (output && first_output < 0) first_output = index;
    }
    outputs_.push_back(first_output);
  }
}

void EngineThread::after_decode() {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Choice& choice = choice_of(*rows_[i].lane);
    if (outputs_[i] < 0 || choice.done) continue;
    Run& run = run_of(choice);
    if (run.first_token == SteadyTime{}) run.first_token = std::chrono::steady_clock::now();
    if (run.score_prompt) score(rows_[i], outputs_[i]);
    const int last = outputs_[i] + (run.score_prompt ? rows_[i].tokens - 1 : 0);
    if (rows_[i].from + rows_[i].tokens < run.prompt_tokens) continue;  // scored, not yet whole
    if (!run.sampled) {
      first_tokens(choice, last);
    } else {
      on_row(choice, outputs_[i]);
    }
  }
}

// The prompt is computed: the other choices of n > 1 share it.
void EngineThread::first_tokens(Choice& first, int row) {
  Run& run = run_of(first);
  Job& job = *run.job;
  scheduler_.fork_lanes(run, [&job](int number) {
    auto choice = std::make_unique<Choice>(job.stops);
    choice->sampler = std::move(job.samplers[static_cast<std::size_t>(number)]);
    if (job.speculation) choice->speculation = std::make_unique<Lane::Speculation>();
    return choice;
  });
  for (auto& lane : run.lanes) {
    if (!job.echo.empty() || !run.scores.empty()) echo_prompt(run, lane->number);
  }
  run.scores.clear();
  for (auto& lane : run.lanes) {
    if (!lane->done) on_row(choice_of(*lane), row);
  }
}

// The logits of a prompt's token say how likely the next one was; nothing precedes the first.
void EngineThread::score(const Scheduler::Row& row, int output) {
  Run& run = run_of(*row.lane);
  const std::vector<Token>& prompt = row.lane->target;
  if (run.scores.empty()) {
    run.scores.resize(prompt.size());
    run.scores.front().chosen = {model_.piece(prompt.front(), true), std::nan("")};
  }
  for (int i = 0; i < row.tokens; ++i) {
    const auto next = static_cast<std::size_t>(row.from + i + 1);
    if (next == prompt.size()) return;
    run.scores[next] =
        logprobs_of(model_, context_.get(), output + i, prompt[next], run.job->top_logprobs);
  }
}

// The text at once, its scores in pieces that fit into an event.
void EngineThread::echo_prompt(Run& run, int choice) {
  Piece piece;
  piece.choice = choice;
  piece.text = run.job->echo;
  auto from = run.scores.begin();
  do {
    const auto count = std::min<std::ptrdiff_t>(kScoresAPiece, run.scores.end() - from);
    piece.logprobs.assign(from, from + count);
    from += count;
    push(run, std::exchange(piece, Piece{}));
    piece.choice = choice;
  } while (from != run.scores.end());
}

// Samples from the logits of a lane: one token, and one more for each guess that was right.
void EngineThread::on_row(Choice& choice, int row) {
  Run& run = run_of(choice);
  outcome_ = {};
  if (run.job->max_tokens == 0) {  // the caller wanted the prompt only (echo)
    finish_choice(choice, schema::Finish::Length);
    return;
  }
  const std::vector<Token> draft = choice.draft;
  for (std::size_t i = 0; i <= draft.size(); ++i) {
    Token token = 0;
    try {
      token = choice.sampler->sample(context_.get(), row + static_cast<int>(i));
    } catch (const std::exception& e) {  // a grammar that met a token it cannot place
      fail_run(run, {Code::Internal, Message::InternalError, {"grammar"}, e.what(), {}, 0});
      return;
    }
    if (!deliver(choice, token, row + static_cast<int>(i))) break;
    if (i < draft.size() && token != draft[i]) break;
  }
  const int said = static_cast<int>(outcome_.tokens.size());
  if (said > 0) scheduler_.grew(choice, outcome_.tokens);
  if (outcome_.finish) finish_choice(choice, *outcome_.finish);
}

// One token on its way to the reader. False: the choice ends with it.
bool EngineThread::deliver(Choice& choice, Token token, int row) {
  const Job& job = *run_of(choice).job;
  ++counters_.tokens_generated;
  if (model_.ends_generation(token)) {
    ++choice.generated;
    outcome_.finish = schema::Finish::Stop;
    return false;
  }
  outcome_.tokens.push_back(token);
  Piece piece;
  piece.choice = choice.number;
  piece.tokens = 1;
  const bool visible = job.show_special || job.preserved.contains(token);
  piece.text = choice.text.add(model_.piece(token, visible));
  if (job.top_logprobs >= 0) {
    piece.logprobs.push_back(logprobs_of(model_, context_.get(), row, token, job.top_logprobs));
  }
  const bool worth_sending = !piece.text.empty() || !piece.logprobs.empty();
  if (worth_sending) push(run_of(choice), std::move(piece));
  const int said = static_cast<int>(outcome_.tokens.size());
  if (choice.text.stopped()) {
    outcome_.finish = schema::Finish::Stop;
  } else if (choice.generated + said >= job.max_tokens ||
             static_cast<int>(choice.target.size()) + said >= model_.facts().context) {
    outcome_.finish = schema::Finish::Length;
  }
  return !outcome_.finish;
}

void EngineThread::finish_choice(Choice& choice, schema::Finish finish) {
  Run& run = run_of(choice);
  Piece piece;
  piece.choice = choice.number;
  piece.text = choice.text.finish();
  piece.finish = finish;
  piece.stop_match = choice.text.stop_match();
  scheduler_.finish(choice);
  if (run.ended()) {
    const auto now = std::chrono::steady_clock::now();
    const auto ms = [](SteadyTime a, SteadyTime b) {
      return std::chrono::duration<double, std::milli>(b - a).count();
    };
    Piece::End end;
    end.usage.prompt_tokens = run.prompt_tokens;
    end.usage.cached_tokens = run.cached_tokens;
    end.usage.completion_tokens = run.generated();
    end.timings = {ms(run.arrived, run.placed_at), ms(run.placed_at, run.first_token),
                   ms(run.first_token, now)};
    piece.end = end;
  }
  push(run, std::move(piece));
}

// The first piece says how long the prompt is and what of it was cached.
void EngineThread::push(Run& run, Piece piece) {
  if (!run.announced) {
    run.announced = true;
    piece.prompt.emplace();
    piece.prompt->prompt_tokens = run.prompt_tokens;
    piece.prompt->cached_tokens = run.cached_tokens;
  }
  run.job->queue->push(std::move(piece));
}

// 1: no room in the cache, nothing was changed. 2: aborted, nothing of the step is in the cache.
void EngineThread::handle_decode_failure(int code) {
  if (code == 2) return;  // all of them were cancelled: the next sweep clears their sequences
  if (code == 1) {
    if (scheduler_.make_room()) return;
    for (const Scheduler::Row& row : rows_) {
      if (row.lane->done) continue;
      row.lane->request->sampled = true;
      finish_choice(choice_of(*row.lane), schema::Finish::Length);
    }
    return;
  }
  const std::string reason = last_error_logged();
  for (const Scheduler::Row& row : rows_) {
    if (row.lane->done) continue;
    fail_run(run_of(*row.lane), {Code::Upstream,
                                 Message::WorkerLost,
                                 {},
                                 fmt::format("decode returned {}: {}", code, reason),
                                 {},
                                 0});
  }
}

}  // namespace xc::engine::llama

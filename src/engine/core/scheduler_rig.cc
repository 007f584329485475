#include "engine/core/scheduler_rig.h"

#include <algorithm>

namespace xc::engine {
namespace {

constexpr int kQuotedBefore = 12;  // tokens
constexpr Token kVocabulary = 5000;

// What the model says after a token of this value. nullopt: nothing more.
std::optional<Token> next_token(std::uint64_t value, Token quoted, int choice, const Ask& ask) {
  const std::uint64_t hash = mix_hash(value + static_cast<std::uint64_t>(choice) * 77);
  if (ask.may_stop && hash % 61 == 0) return std::nullopt;
  if (ask.quotes && quoted >= 0 && hash % 8 != 0) return quoted;
  return static_cast<Token>(mix_hash(hash) % kVocabulary);
}

std::uint64_t image_of(const Ask& ask, int place) {
  return place >= ask.image_at && place < ask.image_at + ask.image_tokens && ask.image_at >= 0
             ? static_cast<std::uint64_t>(ask.image_tokens) * 1000 + ask.prompt.size()
             : 0;
}

double cost_ms(int prefill, int decodes) { return 5 + 2.5 * prefill + 1.0 * decodes; }

}  // namespace

struct SchedulerRig::Choice final : Lane {
  std::vector<Token> said;
};

struct SchedulerRig::Run final : Request {
  int ticket = 0;
};

std::vector<std::vector<Token>> expected_answer(const Ask& ask) {
  std::uint64_t prompt_value = 0;
  for (std::size_t i = 0; i < ask.prompt.size(); ++i) {
    prompt_value =
        FakeDevice::value_after(prompt_value, ask.prompt[i], image_of(ask, static_cast<int>(i)));
  }
  std::vector<std::vector<Token>> answers(static_cast<std::size_t>(ask.n));
  for (int choice = 0; choice < ask.n; ++choice) {
    std::vector<Token> all = ask.prompt;
    auto& said = answers[static_cast<std::size_t>(choice)];
    std::uint64_t value = prompt_value;
    while (static_cast<int>(said.size()) < ask.max_tokens) {
      const Token quoted = all.size() > kQuotedBefore ? all[all.size() - kQuotedBefore] : -1;
      const auto token = next_token(value, quoted, choice, ask);
      if (!token) break;
      said.push_back(*token);
      all.push_back(*token);
      value = FakeDevice::value_after(value, *token, 0);
    }
  }
  return answers;
}

std::vector<std::uint64_t> expected_scores(const Ask& ask) {
  std::vector<std::uint64_t> scores;
  if (!ask.score) return scores;
  std::uint64_t value = 0;
  for (const Token token : ask.prompt) {
    value = FakeDevice::value_after(value, token, 0);
    scores.push_back(value);
  }
  return scores;
}

std::vector<Token> prompt_of(std::uint64_t seed, int count) {
  std::vector<Token> tokens;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t hash = mix_hash(seed * 1'000'003 + static_cast<std::uint64_t>(i));
    tokens.push_back(static_cast<Token>(hash % kVocabulary));
  }
  return tokens;
}

std::vector<Token> operator+(std::vector<Token> a, const std::vector<Token>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

SchedulerRig::SchedulerRig(const SchedulerOptions& options, FakeDevice& device, KvShelf* shelf,
                           std::function<void()> poll)
    : device_(device), poll_(std::move(poll)), scheduler_(options, device, shelf) {}
SchedulerRig::~SchedulerRig() = default;

int SchedulerRig::submit(const Ask& ask) {
  const int ticket = count();
  marks_.push_back({ask, false, false});
  answers_.push_back({});
  Answer& answer = answers_.back();
  answer.asked = now_;
  answer.said.resize(at(ask.n));
  auto run = std::make_unique<Run>();
  run->ticket = ticket;
  run->tenant = ask.tenant;
  run->adapter = ask.adapter;
  run->key = ask.key;
  run->priority = ask.priority;
  run->deadline = ask.deadline;
  run->arrived = now_;
  run->max_tokens = ask.max_tokens;
  run->lanes_wanted = ask.n;
  run->score_prompt = ask.score;
  if (ask.image_at >= 0) run->reuse_max = ask.image_at;
  auto choice = std::make_unique<Choice>();
  choice->target = ask.prompt;
  if (ask.speculation) choice->speculation = std::make_unique<Lane::Speculation>();
  run->lanes.push_back(std::move(choice));
  auto refused = scheduler_.submit(std::move(run), now_);
  if (refused) end(static_cast<Run&>(*refused->request), refused->error.code, false);
  return ticket;
}

void SchedulerRig::end(Run& run, std::optional<Code> error, bool cancelled) {
  Answer& answer = answers_[at(run.ticket)];
  ++answer.ended;
  answer.error = error;
  answer.cancelled = cancelled;
  answer.last = now_;
  answer.cached = run.cached_tokens;
  trace(static_cast<std::uint64_t>(run.ticket) << 8U | (cancelled ? 1U : 0U) | (error ? 2U : 0U));
}

void SchedulerRig::ask_readers() {
  for (const auto& request : scheduler_.running()) {
    const Mark& mark = marks_[at(static_cast<Run&>(*request).ticket)];
    request->cancelled = mark.cancelled;
    for (auto& lane : request->lanes) lane->parked = mark.lags;
  }
  for (const auto& [id, request] : scheduler_.queued()) {
    request->cancelled = marks_[at(static_cast<Run&>(*request).ticket)].cancelled;
  }
}

bool SchedulerRig::step() {
  if (poll_) poll_();
  ask_readers();
  scheduler_.sweep(now_, [this](Request& request, const Error* error) {
    end(static_cast<Run&>(request), error ? std::optional(error->code) : std::nullopt,
        error == nullptr);
  });
  const bool worked = step_media() || step_tokens();
  if (!worked) now_ += std::chrono::milliseconds(5);
  scheduler_.retire();
  return worked;
}

bool SchedulerRig::run(int turns_max) {
  for (int turn = 0; turn < turns_max; ++turn) {
    if (scheduler_.idle()) return true;
    step();
  }
  return scheduler_.idle();
}

bool SchedulerRig::step_media() {
  for (Lane* lane : scheduler_.placed()) {
    const Ask& ask = marks_[at(static_cast<Run&>(*lane->request).ticket)].ask;
    const int from = scheduler_.computed_tokens(*lane);
    if (ask.image_at < 0 || from != ask.image_at) continue;
    if (!device_.has_room(ask.image_tokens)) {
      if (scheduler_.make_room()) return true;
      end(static_cast<Run&>(*lane->request), Code::Internal, false);
      scheduler_.abandon(*lane->request);
      return true;
    }
    const int positions = ask.image_positions > 0 ? ask.image_positions : ask.image_tokens;
    for (int i = 0; i < ask.image_tokens; ++i) {
      const int place = from + i;
      const int position = from + lane->media_shift + std::min(i, positions - 1);
      device_.compute(lane->seq, position, kMediaToken, image_of(ask, place));
    }
    scheduler_.filled(*lane, ask.image_tokens);
    lane->media_shift += positions - ask.image_tokens;
    now_ += std::chrono::milliseconds(20);
    return true;
  }
  return false;
}

bool SchedulerRig::step_tokens() {
  const std::vector<Scheduler::Row> rows = scheduler_.plan(now_, 2);
  if (rows.empty()) return false;
  adapters_.push_back(rows.front().lane->request->adapter);
  for (const auto& row : rows) mixed_ |= row.lane->request->adapter != adapters_.back();
  return decode(rows);
}

// No step fits: as the engine does.
void SchedulerRig::no_room(const std::vector<Scheduler::Row>& rows) {
  if (scheduler_.make_room()) return;
  for (const Scheduler::Row& row : rows) {
    if (row.lane->done) continue;
    row.lane->request->sampled = true;
    finish(static_cast<Choice&>(*row.lane));
  }
}

SchedulerRig::Logit SchedulerRig::logit(int seq) const {
  const int length = device_.length(seq);
  Logit logit{device_.at(seq, length - 1).value, -1};
  if (length > kQuotedBefore) logit.quoted = device_.at(seq, length - kQuotedBefore).token;
  return logit;
}

bool SchedulerRig::decode(const std::vector<Scheduler::Row>& rows) {
  int needed = 0;
  for (const auto& row : rows) needed += row.tokens;
  const bool refuses = std::exchange(refuse_next_, false) && scheduler_.placed().size() > 1;
  if (refuses || !device_.has_room(needed)) {
    no_room(rows);
    return true;
  }
  std::vector<std::vector<Logit>> logits;
  int prefill = 0;
  int decodes = 0;
  int scored = 0;
  for (const Scheduler::Row& row : rows) {
    const Lane& lane = *row.lane;
    std::vector<Logit>& own = logits.emplace_back();
    for (int i = 0; i < row.tokens; ++i) {
      const int place = row.from + i;
      const int guess = i - (row.tokens - row.drafts);
      const Token token = guess < 0 ? lane.target[at(place)] : lane.draft[at(guess)];
      device_.compute(lane.seq, place + lane.media_shift, token);
      if (place + 1 >= static_cast<int>(lane.target.size())) own.push_back(logit(lane.seq));
      if (lane.request->score_prompt) score(lane, place);
    }
    scored += lane.request->score_prompt ? row.tokens : 0;
    (lane.request->sampled && row.tokens - row.drafts == 1 ? decodes : prefill) += row.tokens;
    trace(static_cast<std::uint64_t>(lane.seq) << 40U ^
          static_cast<std::uint64_t>(row.from) << 20U ^ static_cast<std::uint64_t>(row.tokens));
  }
  scored_most_ = std::max(scored_most_, scored);
  const double ms = cost_ms(prefill, decodes);
  longest_step_ms_ = std::max(longest_step_ms_, ms);
  now_ += std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
  scheduler_.computed(rows, ms);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Choice& choice = static_cast<Choice&>(*rows[i].lane);
    if (logits[i].empty() || choice.done) continue;
    if (!choice.request->sampled) {
      first_tokens(choice, logits[i]);
    } else {
      on_row(choice, logits[i]);
    }
  }
  return true;
}

void SchedulerRig::score(const Lane& lane, int place) {
  auto& scores = answers_[at(static_cast<Run&>(*lane.request).ticket)].scores;
  scores.resize(lane.target.size());
  scores[at(place)] = logit(lane.seq).value;
}

void SchedulerRig::first_tokens(Choice& first, const std::vector<Logit>& logits) {
  Run& run = static_cast<Run&>(*first.request);
  const Ask& ask = marks_[at(run.ticket)].ask;
  answers_[at(run.ticket)].first = now_;
  scheduler_.fork_lanes(run, [&ask](int) {
    auto choice = std::make_unique<Choice>();
    if (ask.speculation) choice->speculation = std::make_unique<Lane::Speculation>();
    return choice;
  });
  for (auto& lane : run.lanes) {
    if (!lane->done) on_row(static_cast<Choice&>(*lane), logits);
  }
}

void SchedulerRig::on_row(Choice& choice, const std::vector<Logit>& logits) {
  const Ask& ask = marks_[at(static_cast<Run&>(*choice.request).ticket)].ask;
  const std::vector<Token> draft = choice.draft;
  std::vector<Token> tokens;
  bool done = ask.max_tokens == 0;
  for (std::size_t i = 0; i <= draft.size() && !done; ++i) {
    const auto token = next_token(logits[i].value, logits[i].quoted, choice.number, ask);
    if (!token) {
      done = true;
      break;
    }
    tokens.push_back(*token);
    done = choice.generated + static_cast<int>(tokens.size()) >= ask.max_tokens;
    if (i < draft.size() && *token != draft[i]) break;
  }
  choice.said.insert(choice.said.end(), tokens.begin(), tokens.end());
  if (!tokens.empty()) scheduler_.grew(choice, tokens);
  if (done) finish(choice);
}

void SchedulerRig::finish(Choice& choice) {
  Run& run = static_cast<Run&>(*choice.request);
  scheduler_.finish(choice);
  answers_[at(run.ticket)].said[at(choice.number)] = choice.said;
  if (run.ended()) end(run, std::nullopt, false);
}

bool SchedulerRig::right(int ticket) const {
  const Answer& answer = answers_[at(ticket)];
  return answer.ended == 1 && !answer.error && !answer.cancelled &&
         answer.said == expected_answer(marks_[at(ticket)].ask) &&
         answer.scores == expected_scores(marks_[at(ticket)].ask);
}

std::string SchedulerRig::fault() const {
  if (!device_.misuse().empty()) return device_.misuse();
  if (mixed_) return "a step computes two adapters";
  const SequencePool& pool = scheduler_.pool();
  if (pool.cells_used() != device_.cells_used()) return "the ledger miscounts cells";
  if (pool.cells_used() > pool.cells()) return "more cells than there are";
  if (pool.live() != static_cast<int>(scheduler_.placed().size())) return "a live sequence leaks";
  return {};
}

}  // namespace xc::engine

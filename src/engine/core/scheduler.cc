#include "engine/core/scheduler.h"

#include <algorithm>

#include "base/assert.h"

namespace xc::engine {
namespace {

constexpr double kClockTick = 0.001;  // ms: a step took some time, whatever the clock says
constexpr double kForget = 0.05;      // weight of the newest value in running means

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, CacheMemory& memory, KvShelf* shelf)
    : options_(options),
      shelf_(shelf),
      keeper_(*this, memory),
      pool_(options.sequences, options.cells, options.can_share, keeper_),
      queue_(options.queue) {}

void Scheduler::Keeper::leaving(int seq, std::uint64_t salt, const std::vector<Token>& tokens) {
  if (owner.shelf_ != nullptr) owner.shelf_->save(owner.space_of(salt), seq, tokens);
}

std::uint64_t Scheduler::salt_of(const std::string& space) {
  const auto [entry, is_new] = salts_.try_emplace(space, spaces_.size());
  if (is_new) spaces_.push_back(&entry->first);
  return entry->second;
}

int Scheduler::expected_answer(const Request& request) const {
  const int left = request.max_tokens * request.lanes_wanted - request.generated();
  return std::clamp(left, 0, static_cast<int>(answer_mean_) * request.lanes_wanted + 1);
}

std::optional<Scheduler::Refused> Scheduler::submit(std::unique_ptr<Request> request,
                                                    SteadyTime now) {
  XC_ASSERT(request->sampled || request->lanes.size() == 1);
  const Lane& lane = *request->lanes.front();
  for (auto& each : request->lanes) each->request = request.get();
  request->id = ++ids_;
  if (!request->sampled) request->prompt_tokens = static_cast<int>(lane.target.size());
  if (request->score_prompt) request->reuse_max = 0;
  ++counters_.requests;
  const int reuse_max = std::min(request->prompt_tokens - 1, request->reuse_max);
  request->known_tokens = pool_.longest(lane.target, reuse_max, salt_of(request->space()));
  request->forgiven_tokens = request->known_tokens;
  FairRequest account;
  account.id = request->id;
  account.priority = request->priority;
  account.tenant = request->tenant;
  account.key = request->key;
  account.prompt_tokens = request->prompt_tokens - request->known_tokens;
  account.answer_tokens = expected_answer(*request);
  account.deadline = request->deadline;
  Status pushed = queue_.push(account, now, tokens_per_s_);
  if (!pushed) {
    ++counters_.refused;
    return Refused{std::move(request), std::move(pushed.error())};
  }
  counters_.prompt_asked += static_cast<std::uint64_t>(request->prompt_tokens);
  waiting_.emplace(request->id, std::move(request));
  return std::nullopt;
}

void Scheduler::sweep(SteadyTime now, const Ended& ended) {
  const auto late = [](const Request& request) {
    const auto given = std::chrono::duration_cast<std::chrono::milliseconds>(
        request.deadline.when() - request.arrived);
    return Error{Code::Timeout, Message::Deadline, {std::to_string(given.count())}, {}, {}, 0};
  };
  for (const std::uint64_t id : queue_.expire(now)) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) continue;
    ++counters_.expired;
    abandon(*found->second);
    const Error error = late(*found->second);
    ended(*found->second, &error);
    waiting_.erase(found);
  }
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    Request& request = *it->second;
    if (!request.cancelled) {
      ++it;
      continue;
    }
    ++counters_.cancelled;
    queue_.remove(request.id);
    abandon(request);
    ended(request, nullptr);
    it = waiting_.erase(it);
  }
  for (auto& request : active_) {
    if (request->ended()) continue;
    if (request->cancelled) {
      ++counters_.cancelled;
      abandon(*request);
      ended(*request, nullptr);
    } else if (request->deadline.passed(now)) {
      ++counters_.expired;
      abandon(*request);
      const Error error = late(*request);
      ended(*request, &error);
    }
  }
  retire();
}

std::function<double(int)> Scheduler::step_ms(int rows, int threads) const {
  return [this, rows, threads, cells = pool_.cells_used()](int drafts) {
    return cost_.predict({threads, 0, rows + drafts, cells});
  };
}

void Scheduler::computed(const std::vector<Row>& rows, double ms) {
  int tokens = 0;
  for (const Row& row : rows) {
    Lane& lane = *row.lane;
    const int own = row.tokens - row.drafts;
    const bool decoded = is_decoding(lane);
    pool_.append(lane.seq, lane.target.data() + row.from, own);
    pool_.append(lane.seq, lane.draft.data(), row.drafts);
    // Scored up to here: should it have to leave, it need not begin anew.
    if (lane.request->score_prompt) lane.request->reuse_max = row.from + own;
    keep_checkpoint(lane);
    if (decoded) {
      queue_.charge(lane.request->id, 0, 1);
    } else {
      queue_.charge(lane.request->id, own, 0);
      counters_.prompt_computed += static_cast<std::uint64_t>(own);
    }
    tokens += own;
  }
  cost_.observe(shape_, ms);
  newcomers_only_ms_ = newcomers_only_ ? std::max(ms, kClockTick) : 0;
  if (ms > 0) {
    const double pace = tokens * 1000.0 / ms;
    tokens_per_s_ += tokens_per_s_ == 0 ? pace : (pace - tokens_per_s_) * kForget;
  }
}

// Where others have parted before, and at the end of the prompt: where others may come.
void Scheduler::keep_checkpoint(Lane& lane) {
  if (shelf_ == nullptr || options_.can_share || lane.request->sampled) return;
  const int length = computed_tokens(lane);
  const bool whole = length == lane.request->prompt_tokens;
  if (length != lane.checkpoint_at && !(whole && length >= kCheckpointMin)) return;
  shelf_->save(lane.request->space(), lane.seq, pool_.tokens(lane.seq));
  lane.checkpoint_at = 0;
}

void Scheduler::grew(Lane& lane, const std::vector<Token>& tokens) {
  const int accepted = static_cast<int>(tokens.size()) - 1;
  const int keep = static_cast<int>(lane.target.size()) + accepted;
  if (lane.seq >= 0 && computed_tokens(lane) > keep) pool_.truncate(lane.seq, keep);
  lane.target.insert(lane.target.end(), tokens.begin(), tokens.end());
  lane.generated += static_cast<int>(tokens.size());
  queue_.charge(lane.request->id, 0, accepted);
  if (lane.speculation != nullptr && lane.request->sampled) {
    const int drafted = static_cast<int>(lane.draft.size());
    Lane::Speculation& s = *lane.speculation;
    const auto cost = step_ms(std::max(shape_.decode_rows, 1), shape_.threads);
    s.governor.observe(s.by_model ? 0 : drafted, s.by_model ? 0 : accepted, cost);
    if (drafter_ != nullptr) {
      s.model.observe(s.by_model ? drafted : 0, s.by_model ? accepted : 0, cost);
      counters_.drafted_by_model += static_cast<std::uint64_t>(s.by_model ? drafted : 0);
    }
    counters_.drafted += static_cast<std::uint64_t>(drafted);
    counters_.accepted += static_cast<std::uint64_t>(accepted);
  }
  lane.draft.clear();
}

void Scheduler::fork_lanes(Request& request,
                           const std::function<std::unique_ptr<Lane>(int number)>& make) {
  request.sampled = true;
  if (request.score_prompt) request.reuse_max = Request::kReuseAll;
  request.score_prompt = false;
  const Lane& first = *request.lanes.front();
  for (int i = 1; i < request.lanes_wanted; ++i) {
    std::unique_ptr<Lane> lane = make(i);
    lane->request = &request;
    lane->number = i;
    lane->target = first.target;
    lane->media_shift = first.media_shift;
    if (const auto seq = pool_.fork(first.seq)) lane->seq = *seq;
    request.lanes.push_back(std::move(lane));
  }
}

void Scheduler::filled(Lane& lane, int count) {
  const int from = computed_tokens(lane);
  pool_.append(lane.seq, lane.target.data() + from, count);
  queue_.charge(lane.request->id, count, 0);
  counters_.prompt_computed += static_cast<std::uint64_t>(count);
}

void Scheduler::unplace(Lane& lane, bool retain) {
  if (lane.seq < 0) return;
  const int length = static_cast<int>(lane.target.size());
  if (computed_tokens(lane) > length) pool_.truncate(lane.seq, length);
  pool_.release(lane.seq, retain);
  lane.seq = -1;
  lane.media_shift = 0;
  lane.draft.clear();
}

void Scheduler::finish(Lane& lane) {
  lane.done = true;
  unplace(lane, lane.number == 0);
  answer_mean_ += (lane.generated - answer_mean_) * kForget;
}

void Scheduler::abandon(Request& request) {
  for (auto& lane : request.lanes) {
    unplace(*lane, false);
    lane->done = true;
  }
}

void Scheduler::abandon_all() {
  for (auto& request : active_) abandon(*request);
  retire();
  for (auto& [id, request] : waiting_) {
    abandon(*request);
    queue_.remove(id);
  }
  waiting_.clear();
}

void Scheduler::retire() {
  std::erase_if(active_, [this](const auto& request) {
    if (!request->ended()) return false;
    queue_.remove(request->id);
    return true;
  });
}

std::vector<Lane*> Scheduler::placed() const {
  std::vector<Lane*> lanes;
  for (const auto& request : active_) {
    for (const auto& lane : request->lanes) {
      if (lane->seq >= 0 && !lane->done) lanes.push_back(lane.get());
    }
  }
  return lanes;
}

bool Scheduler::save_idle() {
  if (shelf_ == nullptr) return false;
  const auto next = pool_.unsaved();
  if (!next) return false;
  shelf_->save(space_of(next->salt), next->seq, pool_.tokens(next->seq));
  pool_.mark_saved(next->seq);
  return true;
}

void Scheduler::save_all() {
  while (save_idle()) {
  }
  if (shelf_ == nullptr) return;
  for (const Lane* lane : placed()) {
    shelf_->save(lane->request->space(), lane->seq, pool_.tokens(lane->seq));
  }
}

bool Scheduler::has_work() const {
  if (!waiting_.empty()) return true;
  return std::any_of(active_.begin(), active_.end(), [](const auto& request) {
    if (request->cancelled) return true;
    return std::any_of(request->lanes.begin(), request->lanes.end(),
                       [](const auto& lane) { return !lane->done && !lane->parked; });
  });
}

}  // namespace xc::engine

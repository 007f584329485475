// Admission: which requests are in the cache, what they share, and who leaves when room is short.
#include <algorithm>

#include "base/assert.h"
#include "engine/core/scheduler.h"

namespace xc::engine {
namespace {

constexpr int kReserveMax = 256;      // cells set aside for an answer at admission
constexpr int kShortShare = 16;       // of the cells, one part stays free for short requests
constexpr int kShortSequences = 4;    // and so many sequences
constexpr int kSharedPromptMin = 64;  // tokens worth waiting for while another computes them
// Cells of idle sequences that may stay beside others' work, since the shelf has their copy:
// each step attends to all used cells, loading back costs a copy in memory.
constexpr int kRetainedBeside = 256;

int common_prefix(const std::vector<Token>& a, const std::vector<Token>& b, int max) {
  const auto end = std::min({a.size(), b.size(), static_cast<std::size_t>(std::max(max, 0))});
  const auto split = std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(end),
                                   b.begin());
  return static_cast<int>(split.first - a.begin());
}

}  // namespace

bool Scheduler::is_short(const Request& request) const {
  const double cost = request.prompt_tokens - request.cached_tokens +
                      options_.queue.output_weight * expected_answer(request);
  return cost <= options_.queue.short_max;
}

// Cells beyond the prompt that must be free to start. Long requests leave some to short ones.
int Scheduler::reserve_of(const Lane& lane) const {
  const Request& request = *lane.request;
  if (request.sampled && lane.generated == 0) return 0;  // a fork that found no sequence
  const int answer =
      std::min(request.max_tokens * request.lanes_wanted - request.generated(), kReserveMax);
  const int left_free = is_short(request) ? 0 : options_.cells / kShortShare;
  return std::max(answer, 0) + left_free;
}

// While another lane computes the same prompt it is shared, not computed twice.
bool Scheduler::waits_for_prefix(Lane& lane, int had) {
  const auto is_computing = [](const Request& r) { return !r.sampled && r.lanes.front()->seq >= 0; };
  if (lane.leader != 0) {
    for (const auto& other : active_) {
      if (other->id != lane.leader || !is_computing(*other)) continue;
      if (computed_tokens(*other->lanes.front()) < lane.leader_tokens) return true;
    }
    lane.leader = 0;
    return false;
  }
  if (!options_.can_share) return false;
  const int reuse_max =
      std::min(static_cast<int>(lane.target.size()) - 1, lane.request->reuse_max);
  for (const auto& other : active_) {
    if (!is_computing(*other) || other.get() == lane.request) continue;
    if (other->tenant != lane.request->tenant) continue;
    const Lane& first = *other->lanes.front();
    const int common = common_prefix(first.target, lane.target, reuse_max);
    if (common < had + kSharedPromptMin || common <= computed_tokens(first)) continue;
    lane.leader = other->id;
    lane.leader_tokens = common;
    ++counters_.held_for_prefix;
    return true;
  }
  return false;
}

Scheduler::Placing Scheduler::place(Lane& lane) {
  Request& request = *lane.request;
  const int reuse_max = std::min(static_cast<int>(lane.target.size()) - 1, request.reuse_max);
  const std::uint64_t salt = salt_of(request.tenant);
  const int live = pool_.longest(lane.target, reuse_max, salt);
  KvShelf::Found shelved;
  if (shelf_ != nullptr && live < reuse_max) {
    shelved = shelf_->find(request.tenant, lane.target, reuse_max);
    if (shelved.pending) return Placing::WaitsForDisk;
  }
  if (waits_for_prefix(lane, std::max(live, shelved.tokens))) return Placing::WaitsForPrefix;
  if (pool_.live() >= options_.sequences - kShortSequences && pool_.live() > 0 &&
      !is_short(request)) {
    return Placing::NoRoom;
  }
  const int retained_max = shelf_ != nullptr ? kRetainedBeside : options_.cells;
  const auto claim = pool_.claim(lane.target, reuse_max, reserve_of(lane), salt, retained_max);
  if (!claim) return Placing::NoRoom;
  lane.seq = claim->seq;
  lane.media_shift = 0;
  KvShelf::Loaded loaded{claim->reused, 0};
  if (shelved.tokens > claim->reused) {
    loaded = shelf_->load(request.tenant, lane.seq, lane.target, claim->reused, shelved.tokens);
    pool_.append(lane.seq, lane.target.data() + claim->reused, loaded.tokens - claim->reused);
  }
  if (request.placed_at == SteadyTime{}) {
    request.placed_at = now_;
    const std::chrono::duration<double, std::milli> waited = now_ - request.arrived;
    double& mean = counters_.wait_ms_mean[static_cast<std::size_t>(
        std::clamp(request.priority, 0, kClasses - 1))];
    mean += (waited.count() - mean) * 0.05;
  } else if (lane.generated > 0) {
    ++counters_.resumed;
  }
  if (lane.generated == 0 && lane.number == 0) {
    request.cached_tokens = loaded.tokens;
    counters_.cached_live += static_cast<std::uint64_t>(claim->reused);
    counters_.cached_shelf += static_cast<std::uint64_t>(loaded.tokens - claim->reused);
    counters_.cached_disk += static_cast<std::uint64_t>(loaded.from_disk);
  }
  return Placing::Placed;
}

// All lanes of a request. False: there is no room for one of them.
bool Scheduler::place_all(Request& request) {
  for (auto& lane : request.lanes) {
    if (lane->done || lane->seq >= 0) continue;
    Placing placing = place(*lane);
    while (placing == Placing::NoRoom && make_way(request)) placing = place(*lane);
    if (placing == Placing::NoRoom) return false;
  }
  return true;
}

// Work of a lower class gives way.
bool Scheduler::make_way(const Request& request) {
  Request* lower = victim(request.priority);
  if (lower == nullptr) return false;
  preempt(*lower);
  return true;
}

// Places what was admitted before. False: somebody waits for room.
bool Scheduler::place_active() {
  bool roomy = true;
  // By hand: a placing that makes way moves requests out of the list.
  std::vector<Request*> requests;
  for (const auto& request : active_) requests.push_back(request.get());
  for (Request* request : requests) {
    if (!queue_.knows(request->id)) continue;
    const bool still_here = std::any_of(active_.begin(), active_.end(),
                                        [&](const auto& r) { return r.get() == request; });
    if (still_here && !request->ended() && !place_all(*request)) roomy = false;
  }
  return roomy;
}

// Admits in the queue's order. Behind a request that found no room only short ones go on.
void Scheduler::admit_waiting(bool blocked) {
  while (static_cast<int>(active_.size()) < options_.sequences) {
    const auto next = queue_.peek_next();
    if (!next) return;
    const auto found = waiting_.find(*next);
    XC_ASSERT(found != waiting_.end());
    if (blocked && !is_short(*found->second)) return;
    queue_.pop(*next);
    active_.push_back(std::move(found->second));
    waiting_.erase(found);
    if (!place_all(*active_.back())) {
      if (blocked) return;
      blocked = true;
    }
  }
}

// Who leaves first: readers that lag, then lower classes, then what is cheapest to bring back. The
// oldest request of the best class never leaves, so somebody always gets on. class_above >= 0: only
// requests of a lower class than this. Null: nobody may.
Request* Scheduler::victim(int class_above) const {
  const auto is_in_cache = [](const Request& r) {
    return std::any_of(r.lanes.begin(), r.lanes.end(), [](const auto& l) { return l->seq >= 0; });
  };
  const auto tokens_of = [this](const Request& r) {
    int sum = 0;
    for (const auto& lane : r.lanes) sum += lane->seq >= 0 ? computed_tokens(*lane) : 0;
    return sum;
  };
  const Request* first = nullptr;
  for (const auto& r : active_) {
    if (!is_in_cache(*r)) continue;
    if (first == nullptr || std::pair(r->priority, r->id) < std::pair(first->priority, first->id)) {
      first = r.get();
    }
  }
  Request* best = nullptr;
  const auto key = [&](const Request& r) {
    const bool lags = std::all_of(r.lanes.begin(), r.lanes.end(),
                                  [](const auto& l) { return l->done || l->parked; });
    return std::tuple(!lags, -r.priority, tokens_of(r), ~r.id);
  };
  for (const auto& r : active_) {
    if (!is_in_cache(*r) || r->ended()) continue;
    if (class_above >= 0 ? r->priority <= class_above : r.get() == first) continue;
    if (best == nullptr || key(*r) < key(*best)) best = r.get();
  }
  return best;
}

// Gives its cells back, its tokens go over the shelf; what it has said stays said.
void Scheduler::preempt(Request& request) {
  for (auto& lane : request.lanes) {
    if (lane->done) continue;
    if (lane->seq >= 0) {
      if (computed_tokens(*lane) > static_cast<int>(lane->target.size())) {
        pool_.truncate(lane->seq, static_cast<int>(lane->target.size()));
      }
      if (shelf_ != nullptr) shelf_->save(request.tenant, lane->seq, pool_.tokens(lane->seq));
    }
    unplace(*lane, false);
  }
  ++counters_.preemptions;
  queue_.put_back(request.id, 0, expected_answer(request));  // our doing: its tenant does not pay
  const auto at = std::find_if(active_.begin(), active_.end(),
                               [&](const auto& r) { return r.get() == &request; });
  XC_ASSERT(at != active_.end());
  waiting_.emplace(request.id, std::move(*at));
  active_.erase(at);
}

bool Scheduler::make_room() {
  if (pool_.evict_one()) return true;
  Request* leaving = victim(-1);
  if (leaving == nullptr) return false;
  preempt(*leaving);
  return true;
}

bool Scheduler::ensure_cells(int needed) {
  while (pool_.cells() - pool_.cells_used() < needed) {
    if (!make_room()) return false;
  }
  return true;
}

}  // namespace xc::engine

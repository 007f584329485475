// Admission: which requests are in the cache, and what they share.
#include <algorithm>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "engine/core/scheduler.h"

namespace xc::engine {
namespace {

constexpr int kReserveMax = 256;      // cells set aside for an answer at admission
constexpr int kShortShare = 16;       // of the cells, one part stays free for short requests
constexpr int kShortSequences = 4;    // and so many sequences, of few an eighth
constexpr int kSharedPromptMin = 64;  // tokens worth waiting for while another computes them
// Cells of idle sequences that may stay beside others' work, since the shelf has their copy:
// each step attends to all used cells, loading back costs a copy in memory.
constexpr int kRetainedBeside = 256;
// A disk that takes longer than this hangs: compute instead.
constexpr std::chrono::seconds kDiskPatience{30};

int reuse_max_of(const Lane& lane) {
  return std::min(static_cast<int>(lane.target.size()) - 1, lane.request->reuse_max);
}

int answer_reserve(const Request& request) {
  const int left = request.max_tokens * request.lanes_wanted - request.generated();
  return std::clamp(left, 0, kReserveMax);
}

std::span<const Token> reusable(const Lane& lane) {
  return std::span(lane.target).first(static_cast<std::size_t>(std::max(reuse_max_of(lane), 0)));
}

bool is_computing_prompt(const Request& request) {
  return !request.sampled && request.lanes.front()->seq >= 0;
}

}  // namespace

double Scheduler::cost_of(const Request& request) const {
  return request.prompt_tokens - request.known_tokens +
         options_.queue.output_weight * expected_answer(request);
}

bool Scheduler::is_short(const Request& request) const {
  return cost_of(request) <= options_.queue.short_max;
}

int Scheduler::short_sequences() const { return std::min(kShortSequences, options_.sequences / 8); }

// Cells beyond the prompt that must be free to start. Long requests leave some to short ones.
int Scheduler::reserve_of(const Lane& lane) const {
  const Request& request = *lane.request;
  const int left_free = is_short(request) ? 0 : options_.cells / kShortShare;
  return answer_reserve(request) + left_free;
}

// Cells that those in the cache will take soon: the rest of their prompts, and of their answers
// what was set aside for them at admission.
int Scheduler::promised_cells() const {
  int cells = 0;
  for (const auto& request : active_) {
    if (!request->in_cache()) continue;
    for (const auto& lane : request->lanes) {
      if (lane->seq < 0 || lane->done) continue;
      cells += std::max(static_cast<int>(lane->target.size()) - computed_tokens(*lane), 0);
    }
    cells += answer_reserve(*request);
  }
  return cells;
}

bool Scheduler::still_leads(const Lane& lane) const {
  return std::any_of(active_.begin(), active_.end(), [&](const auto& other) {
    return other->id == lane.leader && is_computing_prompt(*other) &&
           computed_tokens(*other->lanes.front()) < lane.leader_tokens;
  });
}

// The choices of a request that had to leave share their prompt again.
bool Scheduler::waits_for_sibling(const Lane& lane, int had) const {
  for (const auto& other : lane.request->lanes) {
    if (other.get() == &lane) return false;
    if (other->done || other->seq < 0) continue;
    const int common = common_prefix(other->target, reusable(lane));
    if (common >= had + kSharedPromptMin && common > computed_tokens(*other)) return true;
  }
  return false;
}

// While another lane computes the same prompt it is shared, not computed twice. Nobody waits for
// a lower class: it may have to wait for everybody.
bool Scheduler::waits_for_prefix(Lane& lane, int had) {
  if (!options_.can_share) return false;
  if (lane.leader != 0 && still_leads(lane)) return true;
  lane.leader = 0;
  if (waits_for_sibling(lane, had)) return true;
  const Request& own = *lane.request;
  for (const auto& other : active_) {
    if (!is_computing_prompt(*other) || other.get() == &own) continue;
    if (other->tenant != own.tenant || other->adapter != own.adapter) continue;
    if (other->priority > own.priority) continue;
    if (other->score_prompt) continue;  // few rows a step
    const Lane& first = *other->lanes.front();
    const int common = common_prefix(first.target, reusable(lane));
    if (common < had + kSharedPromptMin || common <= computed_tokens(first)) continue;
    if (lane.leader_tokens == 0) ++counters_.held_for_prefix;
    lane.leader = other->id;
    lane.leader_tokens = common;
    forgive(*lane.request, common);
    return true;
  }
  return false;
}

// So many leading tokens of the prompt cost it nothing.
void Scheduler::forgive(Request& request, int tokens) {
  if (tokens <= request.forgiven_tokens) return;
  queue_.forgive(request.id, tokens - request.forgiven_tokens);
  request.forgiven_tokens = tokens;
}

bool Scheduler::waits_for_disk(Lane& lane) {
  if (lane.disk_since == SteadyTime{}) lane.disk_since = now_;
  return now_ - lane.disk_since < kDiskPatience;
}

Scheduler::Placing Scheduler::place(Lane& lane) {
  Request& request = *lane.request;
  const int reuse_max = reuse_max_of(lane);
  const std::uint64_t salt = salt_of(request.space());
  const int live = pool_.longest(lane.target, reuse_max, salt);
  KvShelf::Found shelved;
  if (shelf_ != nullptr && live < reuse_max) {
    shelved = shelf_->find(request.space(), lane.target, reuse_max);
    if (shelved.pending && waits_for_disk(lane)) return Placing::WaitsForDisk;
  }
  if (waits_for_prefix(lane, std::max(live, shelved.tokens))) return Placing::WaitsForPrefix;
  const bool last_sequences = pool_.live() >= options_.sequences - short_sequences();
  if (last_sequences && pool_.live() > 0 && !is_short(request)) return Placing::NoRoom;
  const int retained_max = shelf_ != nullptr ? kRetainedBeside : options_.cells;
  const int reserve = reserve_of(lane) + promised_cells();
  const int parting = parting_of(lane, salt);
  const auto claim = pool_.claim(lane.target, reuse_max, reserve, salt, retained_max);
  if (!claim) return Placing::NoRoom;
  lane.seq = claim->seq;
  lane.media_shift = 0;
  KvShelf::Loaded loaded{claim->reused, 0, 0};
  if (shelved.tokens > claim->reused) {
    loaded = shelf_->load(request.space(), lane.seq, lane.target, claim->reused, shelved.tokens);
    pool_.append(lane.seq, lane.target.data() + claim->reused, loaded.tokens - claim->reused);
  }
  lane.checkpoint_at = parting > loaded.tokens ? parting : 0;
  placed_anew(lane, claim->reused, loaded);
  return Placing::Placed;
}

// Where a memory cannot be cut: the tokens after which this prompt parts from what was computed
// before. Others may part there too, so the state there is worth keeping. 0: nowhere.
int Scheduler::parting_of(const Lane& lane, std::uint64_t salt) const {
  if (shelf_ == nullptr || options_.can_share || lane.request->score_prompt) return 0;
  const int common =
      std::max(pool_.common(lane.target, salt), shelf_->common(lane.request->space(), lane.target));
  const int last = lane.request->prompt_tokens - 1;
  return common >= kCheckpointMin && common < last ? common : 0;
}

// What the cache served counts once: a request that comes back finds its own work.
void Scheduler::placed_anew(Lane& lane, int live, const KvShelf::Loaded& loaded) {
  Request& request = *lane.request;
  lane.disk_since = {};
  if (std::exchange(lane.swapped_out, false) && loaded.tokens > live) {
    ++(loaded.from_disk > 0 ? counters_.swaps_in_disk : counters_.swaps_in_ram);
    counters_.swap_in_bytes += loaded.bytes;
  }
  if (request.placed_at != SteadyTime{}) {
    if (lane.generated > 0) ++counters_.resumed;
    return;
  }
  request.placed_at = now_;
  if (!request.sampled) request.cached_tokens = loaded.tokens;  // else it began in another process
  forgive(request, loaded.tokens);
  counters_.cached_live += static_cast<std::uint64_t>(live);
  counters_.cached_shelf += static_cast<std::uint64_t>(loaded.tokens - live);
  counters_.cached_disk += static_cast<std::uint64_t>(loaded.from_disk);
  const std::chrono::duration<double, std::milli> waited = now_ - request.arrived;
  double& mean =
      counters_
          .wait_ms_mean[static_cast<std::size_t>(std::clamp(request.priority, 0, kClasses - 1))];
  mean += (waited.count() - mean) * 0.05;
}

// All lanes of a request. False: there is no room for one of them. Whose reader lags needs none.
bool Scheduler::place_all(Request& request) {
  if (request.lags()) return true;
  for (auto& lane : request.lanes) {
    if (lane->done || lane->seq >= 0) continue;
    Placing placing = place(*lane);
    while (placing == Placing::NoRoom && make_way(request)) placing = place(*lane);
    if (placing == Placing::NoRoom) {
      blocked_class_ = std::min(blocked_class_, request.priority);
      return false;
    }
  }
  return true;
}

// Places what was admitted before: the most urgent first, then by admission. Behind one that finds
// no room only short ones go on, or it would wait for ever.
void Scheduler::place_active() {
  blocked_class_ = kClasses;
  // By hand: a placing that makes way moves requests out of the list.
  std::vector<std::tuple<int, int, std::uint64_t>> order;
  for (const auto& request : active_) {
    order.emplace_back(request->priority, static_cast<int>(order.size()), request->id);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [priority, place, id] : order) {
    const auto found =
        std::find_if(active_.begin(), active_.end(), [&](const auto& r) { return r->id == id; });
    if (found == active_.end() || (*found)->ended()) continue;
    if (blocked_class_ < kClasses && !is_short(**found)) continue;
    place_all(**found);
  }
}

// Past one that finds no room may go what is short, and what is more urgent, up to a bound.
bool Scheduler::may_admit(const Request& request) const {
  const bool quick = is_short(request);
  const auto idle = std::count_if(active_.begin(), active_.end(),
                                  [](const auto& r) { return r->lags() && !r->in_cache(); });
  const int busy = static_cast<int>(active_.size()) - static_cast<int>(idle);
  if (idle >= static_cast<std::ptrdiff_t>(options_.queue.waiting_max)) return false;
  const bool crowded = busy >= options_.sequences - (quick ? 0 : short_sequences());
  if (crowded && busy > 0 && giver(request) == nullptr) return false;
  if (blocked_class_ == kClasses) return true;
  const double patience = options_.cells;
  if (request.priority < blocked_class_) {
    return overtaken_ < patience + options_.queue.class_age[kClasses - 1];
  }
  return quick && overtaken_ < patience;
}

// In the queue's order; when its first cannot start, who may go past it.
std::optional<std::uint64_t> Scheduler::next_admission() const {
  const auto first = queue_.peek_next();
  if (!first) return first;
  const Request& head = *waiting_.at(*first);
  if (may_admit(head)) return first;
  if (overtaken_ >= options_.cells + options_.queue.class_age[kClasses - 1]) return std::nullopt;
  const auto other = queue_.peek_past(std::min(blocked_class_, head.priority));
  return other && may_admit(*waiting_.at(*other)) ? other : std::nullopt;
}

void Scheduler::admit_waiting() {
  while (const auto next = next_admission()) {
    const bool overtakes = blocked_class_ < kClasses || next != queue_.peek_next();
    const auto found = waiting_.find(*next);
    XC_ASSERT(found != waiting_.end());
    overtaken_ = overtakes ? overtaken_ + cost_of(*found->second) : 0;
    queue_.pop(*next);
    active_.push_back(std::move(found->second));
    waiting_.erase(found);
    Request& request = *active_.back();
    const bool placed = place_all(request);
    if (overtakes && !placed && is_short(request)) return;
  }
}

}  // namespace xc::engine

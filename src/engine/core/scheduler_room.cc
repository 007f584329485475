// Who leaves when room is short, and how.
#include <algorithm>
#include <list>
#include <map>
#include <string_view>
#include <tuple>

#include "base/assert.h"
#include "engine/core/scheduler.h"

namespace xc::engine {
namespace {

// A request that had to leave this often stays when a higher class comes: it would never end.
constexpr int kPreemptionsMax = 4;

// The oldest request of the best class that is read never leaves, so somebody always gets on.
const Request* stays(const std::list<std::unique_ptr<Request>>& active) {
  const auto precedence = [](const Request& r) { return std::tuple(r.lags(), r.priority, r.id); };
  const Request* first = nullptr;
  for (const auto& r : active) {
    if (!r->in_cache()) continue;
    if (first == nullptr || precedence(*r) < precedence(*first)) first = r.get();
  }
  return first;
}

}  // namespace

// Work of a lower class gives way, of readers that lag, and of who has more than a fair part.
bool Scheduler::make_way(const Request& request) {
  Request* leaving = giver(request);
  if (leaving == nullptr) return false;
  preempt(*leaving);
  return true;
}

// Who leaves first, of those that may: readers that lag, then lower classes, then what is cheapest
// to bring back. Null: nobody may.
Request* Scheduler::first_to_leave(const std::function<bool(const Request&)>& may_leave) const {
  const auto tokens_of = [this](const Request& r) {
    int sum = 0;
    for (const auto& lane : r.lanes) sum += lane->seq >= 0 ? computed_tokens(*lane) : 0;
    return sum;
  };
  const auto key = [&](const Request& r) {
    return std::tuple(!r.lags(), -r.priority, tokens_of(r), ~r.id);
  };
  Request* best = nullptr;
  for (const auto& r : active_) {
    if (!r->in_cache() || r->ended() || !may_leave(*r)) continue;
    if (best == nullptr || key(*r) < key(*best)) best = r.get();
  }
  return best;
}

// Who gives a request its place: a reader that lags, or a lower class. When it is short and its
// tenant has nothing inside, also a tenant of its class with more than an even part: a burst of
// short ones would keep newcomers out until the first of them ends.
Request* Scheduler::giver(const Request& request) const {
  Request* lower = first_to_leave([&](const Request& r) {
    return r.lags() || (r.priority > request.priority && r.preemptions < kPreemptionsMax);
  });
  if (lower != nullptr || !is_short(request)) return lower;
  std::map<std::string_view, int> inside;
  int all = 0;
  for (const auto& r : active_) {
    if (!r->in_cache()) continue;
    ++inside[r->tenant];
    ++all;
  }
  if (inside.contains(request.tenant)) return nullptr;
  const int tenants = static_cast<int>(inside.size()) + 1;
  const Request* first = stays(active_);
  return first_to_leave([&](const Request& r) {
    return &r != first && r.priority == request.priority && r.preemptions < kPreemptionsMax &&
           inside.at(r.tenant) * tenants > all + 1;
  });
}

// Gives its cells back, its tokens go over the shelf; what it has said stays said.
void Scheduler::send_away(Lane& lane) {
  if (lane.seq < 0) return;
  if (computed_tokens(lane) > static_cast<int>(lane.target.size())) {
    pool_.truncate(lane.seq, static_cast<int>(lane.target.size()));
  }
  if (shelf_ != nullptr) {
    const KvShelf::Saved saved =
        shelf_->save(lane.request->space(), lane.seq, pool_.tokens(lane.seq));
    lane.swapped_out = saved.tokens > 0;
    counters_.swaps_out += lane.swapped_out ? 1 : 0;
    counters_.swap_out_bytes += saved.bytes;
  }
  unplace(lane, false);
}

void Scheduler::preempt(Request& request) {
  for (auto& lane : request.lanes) {
    if (!lane->done) send_away(*lane);
  }
  ++counters_.preemptions;
  ++request.preemptions;
  queue_.put_back(request.id, 0, expected_answer(request));  // our doing: its tenant does not pay
  const auto at = std::find_if(active_.begin(), active_.end(),
                               [&](const auto& r) { return r.get() == &request; });
  XC_ASSERT(at != active_.end());
  waiting_.emplace(request.id, std::move(*at));
  active_.erase(at);
}

// Alone with too many choices: the last one waits until another is done.
bool Scheduler::shed_lane() {
  const std::vector<Lane*> lanes = placed();
  if (lanes.size() < 2) return false;
  send_away(*lanes.back());
  ++counters_.preemptions;
  return true;
}

bool Scheduler::make_room() {
  if (pool_.evict_one()) return true;
  const Request* first = stays(active_);
  Request* leaving = first_to_leave([first](const Request& r) { return &r != first; });
  if (leaving == nullptr) return shed_lane();
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

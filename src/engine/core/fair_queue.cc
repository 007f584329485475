#include "engine/core/fair_queue.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "base/assert.h"

namespace xc::engine {
namespace {

constexpr double kRetryAfterMax_s = 3600;  // beyond it a number says no more than "much later"

}  // namespace

FairQueue::FairQueue(FairQueueOptions options) : options_(options) {}

void FairQueue::set_cost(Entry& entry, int prompt_tokens, int answer_tokens) const {
  entry.request.prompt_tokens = std::max(prompt_tokens, 0);
  entry.request.answer_tokens = std::max(answer_tokens, 0);
  entry.cost = std::max(
      1.0, entry.request.prompt_tokens + options_.output_weight * entry.request.answer_tokens);
  entry.is_short = entry.cost <= options_.short_max;
}

Status FairQueue::push(const FairRequest& request, SteadyTime now, double tokens_per_s) {
  XC_ASSERT(!entries_.contains(request.id));
  Entry entry;
  entry.request = request;
  entry.level = static_cast<std::size_t>(std::clamp(request.priority, 0, kClasses - 1));
  set_cost(entry, request.prompt_tokens, request.answer_tokens);
  const std::size_t of_tenant = tenant_waiting(request.tenant);
  if (of_tenant >= options_.tenant_waiting_max) {
    return std::unexpected(queue_full(entry, of_tenant, tokens_per_s));
  }
  if (waiting_ >= options_.waiting_max) {
    return std::unexpected(queue_full(entry, waiting_, tokens_per_s));
  }
  entry.number = ++arrivals_;
  entry.arrived = now;
  Class& level = classes_[entry.level];
  entry.tenant = &level.tenants.at(request.tenant, options_.flows_kept_max);
  entry.key = &entry.tenant->keys.at(request.key, options_.flows_kept_max);
  level.tenants.join(*entry.tenant);
  entry.tenant->keys.join(*entry.key);
  start_waiting(entries_.emplace(request.id, std::move(entry)).first->second);
  return {};
}

void FairQueue::start_waiting(Entry& entry) {
  Class& level = classes_[entry.level];
  if (level.waiting++ == 0) level.passed_over = 0;
  level.waiting_cost += entry.cost;
  ++waiting_;
  level.tenants.add_waiting(*entry.tenant, entry.is_short);
  entry.tenant->waiting_cost += entry.cost;
  entry.tenant->keys.add_waiting(*entry.key, entry.is_short);
  auto& queue = entry.key->queue;
  auto place = queue.end();
  while (place != queue.begin() && entries_.at(*(place - 1)).number > entry.number) --place;
  queue.insert(place, entry.request.id);
  next_deadline_ = std::min(next_deadline_, entry.request.deadline.when());
}

void FairQueue::stop_waiting(Entry& entry) {
  Class& level = classes_[entry.level];
  --level.waiting;
  level.waiting_cost -= entry.cost;
  --waiting_;
  level.tenants.drop_waiting(*entry.tenant, entry.is_short);
  entry.tenant->waiting_cost -= entry.cost;
  entry.tenant->keys.drop_waiting(*entry.key, entry.is_short);
  std::erase(entry.key->queue, entry.request.id);
}

void FairQueue::stop_running(Entry& entry) {
  Class& level = classes_[entry.level];
  if (--level.running == 0) level.prompts_behind = 0;
  level.tenants.refund(*entry.tenant, entry.prepaid, options_.short_burst);
  entry.tenant->keys.refund(*entry.key, entry.prepaid, options_.short_burst);
  entry.prepaid = 0;
  entry.is_running = false;
}

// A class that was passed over for long enough, the higher one first; else the highest that waits.
const FairQueue::Class* FairQueue::class_to_serve() const {
  for (std::size_t i = 1; i < classes_.size(); ++i) {
    const Class& level = classes_[i];
    if (level.waiting > 0 && level.passed_over >= options_.class_age[i]) return &level;
  }
  for (const Class& level : classes_) {
    if (level.waiting > 0) return &level;
  }
  return nullptr;
}

FairQueue::Pick FairQueue::pick_in(const Class& level) const {
  const Tenant* tenant = level.tenants.fair(options_.tenant_age);
  const std::uint64_t next = tenant->keys.fair(options_.tenant_age)->queue.front();
  const bool may_overtake = level.overtaken < options_.short_burst;
  if (!may_overtake || entries_.at(next).is_short) return {next, true};
  const auto quick = short_in(level, options_.short_burst);
  return quick ? Pick{*quick, false} : Pick{next, true};
}

std::optional<std::uint64_t> FairQueue::short_in(const Class& level, double lead) const {
  const Tenant* quick = level.tenants.shortest(lead);
  if (quick == nullptr) return std::nullopt;
  const Key* key = quick->keys.shortest(lead);
  if (key == nullptr) return std::nullopt;
  const auto first = std::find_if(key->queue.begin(), key->queue.end(),
                                  [this](std::uint64_t id) { return entries_.at(id).is_short; });
  XC_ASSERT(first != key->queue.end());
  return *first;
}

std::optional<std::uint64_t> FairQueue::peek_past(int priority) const {
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    if (classes_[i].waiting == 0) continue;
    if (static_cast<int>(i) < priority) return pick_in(classes_[i]).id;
    if (const auto quick = short_in(classes_[i], std::numeric_limits<double>::max())) return quick;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> FairQueue::peek_next() const {
  const Class* level = class_to_serve();
  if (level == nullptr) return std::nullopt;
  return pick_in(*level).id;
}

bool FairQueue::pop(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.is_running) return false;
  Entry& entry = found->second;
  Class& level = classes_[entry.level];
  const Pick pick = pick_in(level);
  level.tenants.advance(entry.cost);
  entry.tenant->keys.advance(entry.cost);
  if (pick.id == id) level.passed_over = 0;
  if (pick.id == id && pick.fair) {
    level.tenants.picked(*entry.tenant);
    entry.tenant->keys.picked(*entry.key);
    level.overtaken = 0;
  } else {
    level.overtaken += entry.cost;
  }
  for (std::size_t i = entry.level + 1; i < classes_.size(); ++i) {
    if (classes_[i].waiting > 0) classes_[i].passed_over += entry.cost;
  }
  stop_waiting(entry);
  ++level.running;
  entry.is_running = true;
  entry.prepaid = entry.cost;
  entry.tenant->served += entry.cost;
  entry.key->served += entry.cost;
  return true;
}

bool FairQueue::put_back(std::uint64_t id, int prompt_tokens, int answer_tokens) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.is_running) return false;
  stop_running(found->second);
  set_cost(found->second, prompt_tokens, answer_tokens);
  start_waiting(found->second);
  return true;
}

bool FairQueue::remove(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  if (entry.is_running) {
    stop_running(entry);
  } else {
    stop_waiting(entry);
  }
  entry.tenant->keys.leave(*entry.key);  // key and tenant may be gone after these
  classes_[entry.level].tenants.leave(*entry.tenant);
  entries_.erase(found);
  return true;
}

std::vector<std::uint64_t> FairQueue::expire(SteadyTime now) {
  if (now < next_deadline_) return {};
  next_deadline_ = SteadyTime::max();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> late;  // arrival, id
  for (const auto& [id, entry] : entries_) {
    if (entry.is_running) continue;
    if (entry.request.deadline.passed(now)) {
      late.emplace_back(entry.number, id);
    } else {
      next_deadline_ = std::min(next_deadline_, entry.request.deadline.when());
    }
  }
  std::sort(late.begin(), late.end());
  std::vector<std::uint64_t> ids;
  for (const auto& [number, id] : late) {
    remove(id);
    ids.push_back(id);
  }
  return ids;
}

void FairQueue::forgive(std::uint64_t id, int prompt_tokens) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.is_running) return;
  Entry& entry = found->second;
  const double tokens = std::min<double>(std::max(prompt_tokens, 0), entry.prepaid);
  entry.prepaid -= tokens;
  classes_[entry.level].tenants.refund(*entry.tenant, tokens, options_.short_burst);
  entry.tenant->keys.refund(*entry.key, tokens, options_.short_burst);
}

void FairQueue::charge(std::uint64_t id, int prompt_tokens, int answer_tokens) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.is_running) return;
  Entry& entry = found->second;
  const double tokens =
      std::max(prompt_tokens, 0) + options_.output_weight * std::max(answer_tokens, 0);
  const double beyond = std::max(0.0, tokens - entry.prepaid);
  entry.prepaid = std::max(0.0, entry.prepaid - tokens);
  entry.tenant->served += beyond;
  entry.key->served += beyond;
  if (prompt_tokens <= 0) return;
  classes_[entry.level].prompts_behind = 0;
  for (std::size_t i = entry.level + 1; i < classes_.size(); ++i) {
    if (classes_[i].running > 0) classes_[i].prompts_behind += prompt_tokens;
  }
}

bool FairQueue::prompts_aged(std::size_t level) const {
  return level > 0 && classes_[level].prompts_behind >= options_.class_age[level];
}

bool FairQueue::before(std::uint64_t a, std::uint64_t b) const {
  const auto left = entries_.find(a);
  const auto right = entries_.find(b);
  if (left == entries_.end() || right == entries_.end()) return false;
  const auto place = [this](const Entry& entry) {
    return std::tuple(!prompts_aged(entry.level), entry.level, entry.tenant->served,
                      entry.key->served, entry.number);
  };
  return place(left->second) < place(right->second);
}

FairQueue::Depth FairQueue::depth(int priority, SteadyTime now) const {
  const auto level = static_cast<std::size_t>(std::clamp(priority, 0, kClasses - 1));
  Depth depth;
  depth.waiting = classes_[level].waiting;
  depth.tokens = classes_[level].waiting_cost;
  for (const auto& [id, entry] : entries_) {
    if (entry.is_running || entry.level != level) continue;
    depth.oldest_wait = std::max(depth.oldest_wait, Duration(now - entry.arrived));
  }
  return depth;
}

std::size_t FairQueue::tenant_waiting(const std::string& tenant) const {
  std::size_t sum = 0;
  for (const Class& level : classes_) {
    const auto found = level.tenants.flows().find(tenant);
    if (found != level.tenants.flows().end()) {
      sum += static_cast<std::size_t>(found->second.waiting);
    }
  }
  return sum;
}

// What goes before this request: all that waits in higher classes, what its own tenant has waiting,
// and of every other tenant as much as fairness gives it in the meantime.
Error FairQueue::queue_full(const Entry& entry, std::size_t count, double tokens_per_s) const {
  double ahead = 0;
  for (std::size_t i = 0; i < entry.level; ++i) ahead += classes_[i].waiting_cost;
  const auto& tenants = classes_[entry.level].tenants.flows();
  const auto own = tenants.find(entry.request.tenant);
  const double queued = own == tenants.end() ? 0 : own->second.waiting_cost;
  ahead += queued;
  for (const auto& [name, tenant] : tenants) {
    if (name != entry.request.tenant) ahead += std::min(tenant.waiting_cost, queued + entry.cost);
  }
  const double seconds = tokens_per_s > 0 ? std::ceil(ahead / tokens_per_s) : 1;
  Error error{Code::RateLimited, Message::QueueFull, {}, {}, {}, 1};
  error.retry_after_s = static_cast<int>(std::clamp(seconds, 1.0, kRetryAfterMax_s));
  error.args = {std::to_string(count), std::to_string(error.retry_after_s)};
  return error;
}

}  // namespace xc::engine

// The choice of the next place: which pools may, which target's turn it is, which endpoint.
#include <algorithm>
#include <functional>

#include "base/limits.h"
#include "fleet/pools_state.h"

namespace xc::fleet {
namespace {

struct Needs {
  Secrecy secrecy = Secrecy::Public;
  std::string region;
};

Needs needs_of(const PoolTable& table, const Wish& wish) {
  Needs needs{wish.secrecy, {}};
  const auto found = std::ranges::find(table.clearances, wish.tenant, &Clearance::tenant);
  if (found == table.clearances.end()) return needs;
  return {std::max(needs.secrecy, found->secrecy), found->region};
}

PoolRow pool_named(const PoolTable& table, const std::string& name) {
  const auto found = std::ranges::find(table.pools, name, &PoolRow::name);
  if (found != table.pools.end()) return *found;
  // Another pool's row may be gone from under its route: then it may take nothing secret.
  const bool local = name == kLocalPool;
  return {name, {}, {}, local ? Secrecy::Secret : Secrecy::Public, Policy::Least};
}

// Fails closed: a region that is needed and not said is not there.
bool cleared(const PoolRow& pool, const Needs& needs, const Wish& wish) {
  if (pool.secrecy < needs.secrecy) return false;
  if (!needs.region.empty() && pool.region != needs.region) return false;
  return !wish.may_use || wish.may_use(pool.name);
}

// Another model must not go on with an answer, even where a canary would have had its share.
bool is_sibling(const ModelRoute& target, const Wish& wish) {
  return !wish.sibling ||
         (target.pool == wish.sibling->pool && target.target == wish.sibling->model);
}

std::vector<ModelRoute> targets_of(const PoolTable& table, const Wish& wish) {
  std::vector<ModelRoute> targets;
  for (const ModelRoute& route : table.routes) {
    if (route.model == wish.model) targets.push_back(route);
  }
  if (targets.empty()) {
    const std::string name(wish.model);
    targets.push_back({name, std::string(kLocalPool), name, 1});
  }
  return targets;
}

std::unexpected<Error> not_cleared(const Wish& wish, const Needs& needs) {
  return fail(Code::Forbidden, Message::NotCleared,
              {std::string(wish.model), std::string(name_of(needs.secrecy)),
               needs.region.empty() ? "-" : needs.region});
}

std::unexpected<Error> none_ready(const Wish& wish, int retry_after_s) {
  return fail(Error{Code::Unavailable,
                    Message::NoEndpointReady,
                    {std::string(wish.model)},
                    {},
                    {},
                    std::max(retry_after_s, 1)});
}

// Seconds until the endpoint may take requests again, as far as that is known.
int wait_of(const LiveEndpoint& endpoint, SteadyTime now) {
  const LiveEndpoint::Known& known = *endpoint.known;
  SteadyTime when = known.resting_until;
  if (known.breaker.state() == Breaker::State::Open) {
    when = std::max(when, known.breaker.open_until());
  }
  const auto left = std::chrono::ceil<std::chrono::seconds>(when - now);
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 1, 60));
}

// A request that failed once goes where nothing failed lately, if there is such a place: with half
// of a pool broken it would else fail twice, and its second try would be spent.
void keep_unfailing(std::vector<std::shared_ptr<LiveEndpoint>>& ready) {
  const auto well = [](const auto& endpoint) { return endpoint->known->breaker.unfailing(); };
  if (std::ranges::any_of(ready, well)) std::erase_if(ready, std::not_fn(well));
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// One request's choice. Under the state's lock.
class Choice {
 public:
  Choice(const std::shared_ptr<PoolsState>& state, Course& course, const Wish& wish)
      : state_(state), course_(course), wish_(wish), now_(state->clock.now()) {}

  Result<Place> place() {
    const PoolTable& table = *state_->table;
    const Needs needs = needs_of(table, wish_);
    targets_ = targets_of(table, wish_);
    bool any = false;
    for (const ModelRoute& target : targets_) {
      pools_.push_back(pool_named(table, target.pool));
      cleared_.push_back(is_sibling(target, wish_) && cleared(pools_.back(), needs, wish_));
      any = any || cleared_.back();
    }
    open_ = cleared_;
    if (!any) return not_cleared(wish_, needs);
    if (course_.places >= limits::kPlacesMax) return none_ready(wish_, 1);
    for (const std::size_t at : course_.spent) {
      if (at < open_.size()) open_[at] = false;
    }
    std::optional<Result<Place>> found = search();
    if (!found) {
      press();
      found = search();
    }
    return found ? std::move(*found) : none_ready(wish_, soonest_);
  }

 private:
  // Nothing when no target has a place.
  std::optional<Result<Place>> search() {
    while (const std::optional<std::size_t> at = next_target()) {
      Place place{targets_[*at].pool, targets_[*at].target, nullptr, targets_[*at].hedge_ms};
      const bool local = place.pool == kLocalPool;
      const std::shared_ptr<LiveEndpoint> endpoint = local ? nullptr : next_endpoint(*at);
      if (local || !endpoint) spend(*at);
      if (!local && !endpoint) continue;
      if (!pay(endpoint.get())) return Result<Place>(none_ready(wish_, 1));
      ++course_.places;
      if (endpoint) place.use = use_of(endpoint);
      return place;
    }
    return std::nullopt;
  }

  // Once more, with endpoints whose warm-up runs: a burst that meets a new pool, or a server that
  // just started, would else be turned away although nothing is known to be wrong.
  void press() {
    pressing_ = true;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      open_[i] = cleared_[i] && targets_[i].pool != kLocalPool;
    }
  }

  // That of the last place while its pool has another endpoint; else by weight, those of weight 0
  // last and in their order.
  std::optional<std::size_t> next_target() {
    if (course_.stays && *course_.stays < open_.size() && open_[*course_.stays]) {
      return course_.stays;
    }
    std::vector<int> weights;
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      weights.push_back(open_[i] ? targets_[i].weight : 0);
    }
    course_.stays = choose_by_weight(weights, state_->random);
    if (course_.stays) return course_.stays;
    const auto left = std::ranges::find(open_, true);
    if (left == open_.end()) return std::nullopt;
    course_.stays = static_cast<std::size_t>(left - open_.begin());
    return course_.stays;
  }

  void spend(std::size_t at) {
    open_[at] = false;
    course_.spent.push_back(at);
    course_.stays.reset();
  }

  std::shared_ptr<LiveEndpoint> next_endpoint(std::size_t at) {
    const PoolRow& pool = pools_[at];
    const bool by_prefix = pool.policy == Policy::Affinity;
    if (by_prefix && prefixes_.empty()) prefixes_ = prefixes_of(wish_.tenant, wish_.text);
    PrefixMemory& memory = state_->prefixes[pool.name];
    const std::string owner(by_prefix ? memory.find(prefixes_) : std::string_view());
    std::vector<std::shared_ptr<LiveEndpoint>> ready;
    for (const auto& endpoint : state_->endpoints) {
      const EndpointRow& row = endpoint->row;
      if (row.pool != pool.name || contains(course_.tried, row.name)) continue;
      if (wish_.sibling && wish_.sibling->continues && !row.continues) continue;
      if (!endpoint->ready(now_) && !(pressing_ && endpoint->warming(now_))) {
        const int wait = wait_of(*endpoint, now_);
        soonest_ = soonest_ == 0 ? wait : std::min(soonest_, wait);
        continue;
      }
      ready.push_back(endpoint);
    }
    if (ready.empty()) return nullptr;
    if (course_.places > 0) keep_unfailing(ready);
    std::vector<Candidate> candidates;
    for (const auto& endpoint : ready) {
      const EndpointRow& row = endpoint->row;
      candidates.push_back(
          {endpoint->known->outstanding, row.price, row.rank, !owner.empty() && owner == row.name});
    }
    auto chosen = ready[choose(pool.policy, candidates, wish_.tokens, state_->random)];
    if (by_prefix) memory.note(prefixes_, chosen->row.name);
    return chosen;
  }

  // Second tries are a share of first ones, where they could make an outage worse: at an endpoint
  // that did not fail lately they only take the way that all requests take when the circuit of the
  // failing one is open. Only a model with a route has any.
  bool pay(const LiveEndpoint* endpoint) {
    if (course_.places == 0 && targets_.size() == 1 && targets_.front().pool == kLocalPool) {
      return true;
    }
    RetryBudget& retries = state_->retries[std::string(wish_.model)];
    if (wish_.sibling) return retries.take();
    if (course_.places > 0) {
      return retries.take() || (endpoint != nullptr && endpoint->known->breaker.unfailing());
    }
    retries.request();
    return true;
  }

  std::unique_ptr<EndpointUse> use_of(const std::shared_ptr<LiveEndpoint>& endpoint) {
    course_.tried.push_back(endpoint->row.name);
    endpoint->known->breaker.begin(now_);
    endpoint->known->outstanding += wish_.tokens;
    ++endpoint->known->running;
    return std::make_unique<EndpointUse>(state_, endpoint, wish_.tokens);
  }

  const std::shared_ptr<PoolsState>& state_;
  Course& course_;
  const Wish& wish_;
  const SteadyTime now_;
  std::vector<ModelRoute> targets_;
  std::vector<PoolRow> pools_;
  std::vector<bool> cleared_;  // targets whose pool may take this request
  std::vector<bool> open_;     // of them, those that may still have a place
  bool pressing_ = false;
  std::vector<std::uint64_t> prefixes_;
  int soonest_ = 0;
};

}  // namespace

Result<Place> Pools::next(Course& course, const Wish& wish) {
  const std::lock_guard hold(state_->mutex);
  return Choice(state_, course, wish).place();
}

}  // namespace xc::fleet

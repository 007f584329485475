#include "fleet/pools.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/limits.h"
#include "base/log.h"
#include "fleet/pools_state.h"

namespace xc::fleet {
namespace {

std::shared_ptr<LiveEndpoint> find(const PoolsState& state, std::string_view name) {
  const auto found = std::ranges::find_if(
      state.endpoints, [name](const auto& endpoint) { return endpoint->row.name == name; });
  return found == state.endpoints.end() ? nullptr : *found;
}

// The row as an endpoint that is in force; null when it is not valid (a newer program's, a hand's).
std::shared_ptr<LiveEndpoint> make_live(EndpointRow row) {
  const Status good = check(row);
  Result<net::Origin> origin = net::Origin::parse(row.url);
  if (!good || !origin) {
    log::error("fleet", "the endpoint {} is not valid and is left out", row.name);
    return nullptr;
  }
  origin->guarded = !row.link_local;
  return std::make_shared<LiveEndpoint>(std::move(row), std::move(*origin));
}

// Forgets what no row names any more.
template <typename Map, typename Rows, typename Member>
void keep_only(Map& map, const Rows& rows, Member member) {
  std::set<std::string_view> names;
  for (const auto& row : rows) names.insert(row.*member);
  std::erase_if(map, [&names](const auto& entry) { return !names.contains(entry.first); });
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  constexpr std::array<std::string_view, 4> kNames{"done", "failed", "busy", "left"};
  return kNames[static_cast<std::size_t>(outcome)];
}

EndpointUse::EndpointUse(std::shared_ptr<PoolsState> state, std::shared_ptr<LiveEndpoint> endpoint,
                         std::int64_t tokens)
    : state_(std::move(state)), endpoint_(std::move(endpoint)), tokens_(tokens) {}

EndpointUse::~EndpointUse() {
  end(Outcome::Left);
  const std::lock_guard hold(state_->mutex);
  endpoint_->known->outstanding -= tokens_;
  --endpoint_->known->running;
}

const EndpointRow& EndpointUse::row() const { return endpoint_->row; }
const net::Origin& EndpointUse::origin() const { return endpoint_->origin; }

void EndpointUse::answered() {
  const std::lock_guard hold(state_->mutex);
  endpoint_->known->breaker.answered();
}

void EndpointUse::end(Outcome outcome, int rest_s) {
  if (std::exchange(ended_, true)) return;
  const std::lock_guard hold(state_->mutex);
  LiveEndpoint::Known& known = *endpoint_->known;
  ++known.outcomes[static_cast<std::size_t>(outcome)];
  const SteadyTime now = state_->clock.now();
  const int openings = known.breaker.openings();
  if (outcome == Outcome::Done) known.breaker.succeeded();
  if (outcome == Outcome::Failed) known.breaker.failed(now);
  if (outcome == Outcome::Left || outcome == Outcome::Busy) known.breaker.left();
  if (outcome == Outcome::Busy) {
    const auto rest = std::clamp(std::chrono::seconds(rest_s), std::chrono::seconds(1),
                                 std::chrono::seconds(limits::kEndpointRestMax));
    known.resting_until = std::max(known.resting_until, now + rest);
  }
  if (known.breaker.openings() > openings) {
    log::warn("fleet", "endpoint {}: the circuit opens", endpoint_->row.name);
  }
}

Pools::Pools(const Clock& clock, RandomSource& random)
    : state_(std::make_shared<PoolsState>(clock, random)) {}

void Pools::use(const PoolTable& table) {
  std::vector<std::shared_ptr<LiveEndpoint>> endpoints;
  for (const EndpointRow& row : table.endpoints) {
    if (auto live = make_live(row)) endpoints.push_back(std::move(live));
  }
  auto fresh = std::make_shared<const PoolTable>(table);
  const std::lock_guard hold(state_->mutex);
  for (const auto& live : endpoints) {
    const auto before = find(*state_, live->row.name);
    const bool same = before && before->row.url == live->row.url;
    if (same) live->known = before->known;
    const bool active = live->row.state == EndpointState::Active;
    const bool resumed = !same || before->row.state != EndpointState::Active;
    if (active && resumed) live->known->breaker.warm_up();
  }
  keep_only(state_->prefixes, fresh->pools, &PoolRow::name);
  keep_only(state_->retries, fresh->routes, &ModelRoute::model);
  state_->endpoints = std::move(endpoints);
  state_->table = fresh;
  state_->idle = fresh->empty();
}

bool Pools::idle() const { return state_->idle; }

std::shared_ptr<const PoolTable> Pools::table() const {
  const std::lock_guard hold(state_->mutex);
  return state_->table;
}

std::vector<std::string> Pools::models() const {
  std::vector<std::string> names;
  if (idle()) return names;
  const std::shared_ptr<const PoolTable> now = table();
  for (const ModelRoute& route : now->routes) {
    if (names.empty() || names.back() != route.model) names.push_back(route.model);
  }
  return names;
}

std::vector<EndpointStatus> Pools::status() const {
  std::vector<EndpointStatus> all;
  const SteadyTime now = state_->clock.now();
  const std::lock_guard hold(state_->mutex);
  for (const auto& endpoint : state_->endpoints) {
    const LiveEndpoint::Known& known = *endpoint->known;
    EndpointStatus status{endpoint->row};
    status.key_unread = !status.row.unread.empty();
    status.has_key = status.key_unread || !status.row.key.empty();
    status.row.key.clear();
    status.row.unread.clear();
    status.breaker = known.breaker.state();
    status.openings = known.breaker.openings();
    status.down = endpoint->down();
    status.shut = status.breaker == Breaker::State::Open && !known.breaker.allows(now);
    status.outstanding = known.outstanding;
    status.running = known.running;
    status.done = known.outcomes[0];
    status.failed = known.outcomes[1];
    status.busy = known.outcomes[2];
    status.left = known.outcomes[3];
    all.push_back(std::move(status));
  }
  return all;
}

std::vector<Probe> Pools::probes() const {
  std::vector<Probe> all;
  const std::lock_guard hold(state_->mutex);
  for (const auto& endpoint : state_->endpoints) {
    const EndpointRow& row = endpoint->row;
    if (row.state == EndpointState::Paused || !row.unread.empty()) continue;
    all.push_back(
        {row.name, endpoint->origin, std::string(schema::health_path(row.vendor)), row.key});
  }
  return all;
}

void Pools::probed(const std::string& endpoint, bool well) {
  const std::lock_guard hold(state_->mutex);
  const auto live = find(*state_, endpoint);
  if (!live) return;
  const bool was_down = live->down();
  LiveEndpoint::Known& known = *live->known;
  known.probe_failures = well ? 0 : std::min(known.probe_failures + 1, limits::kProbeFailures);
  if (well) known.breaker.probe_succeeded(state_->clock.now());
  if (live->down() != was_down) {
    log::warn("fleet", "endpoint {} is {}", endpoint, well ? "well again" : "down");
  }
}

}  // namespace xc::fleet

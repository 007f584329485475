#include "fleet/eviction.h"

#include <algorithm>

namespace xc::fleet {
namespace {

// Signed: what was promised may exceed what is there.
using Bytes = std::int64_t;

Bytes signed_of(std::uint64_t bytes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 60;  // sums of a few of these cannot overflow
  return static_cast<Bytes>(std::min(bytes, kMost));
}

std::vector<const Occupant*> idle_by_age(const MemoryState& state) {
  std::vector<const Occupant*> idle;
  for (const Occupant& o : state.occupants) {
    if (o.occupation == Occupation::Idle) idle.push_back(&o);
  }
  std::sort(idle.begin(), idle.end(), [](const Occupant* a, const Occupant* b) {
    return a->last_used != b->last_used ? a->last_used < b->last_used : a->name < b->name;
  });
  return idle;
}

}  // namespace

Plan plan_load(std::uint64_t need_bytes, const MemoryState& state) {
  const Bytes need = signed_of(need_bytes);
  const Bytes machine = signed_of(state.free_bytes) - signed_of(state.reserve_bytes);
  Bytes free = machine;  // not used and not promised
  Bytes most = machine;  // if every worker were gone
  Bytes coming = 0;      // from workers that are on their way out
  for (const Occupant& o : state.occupants) {
    const Bytes own = std::min(signed_of(o.private_bytes), signed_of(o.bytes));
    free -= signed_of(o.bytes) - own;
    most += own;
    if (o.occupation == Occupation::Draining) coming += signed_of(o.bytes);
  }
  Plan plan;
  plan.most_bytes = static_cast<std::uint64_t>(std::max<Bytes>(most, 0));
  if (need > most) {
    plan.kind = Plan::Kind::WontFit;
    return plan;
  }
  if (need <= free) return plan;
  plan.kind = Plan::Kind::Wait;
  Bytes expected = free + coming;
  std::vector<const Occupant*> victims;
  for (const Occupant* o : idle_by_age(state)) {
    if (expected >= need) break;
    victims.push_back(o);
    expected += signed_of(o->bytes);
  }
  // Not enough even so: a busy worker must end first, and until then evicting helps nobody.
  if (expected < need) return plan;
  // A large victim may make earlier, smaller ones needless; the youngest are spared first.
  for (std::size_t i = victims.size(); i-- > 0;) {
    if (expected - signed_of(victims[i]->bytes) < need) continue;
    expected -= signed_of(victims[i]->bytes);
    victims.erase(victims.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (const Occupant* o : victims) plan.victims.push_back(o->name);
  return plan;
}

}  // namespace xc::fleet

// Which workers must go so that a model can be loaded. Pure: sees an explicit state, decides, and
// does nothing.
//
// Memory is counted by what each worker is entitled to (`bytes`: what it uses or was estimated to
// need, whichever is larger), not by what the machine calls free at the moment: a mapped model
// file counts as free for the kernel, and a worker that still loads has not yet taken its share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace xc::fleet {

enum class Occupation : std::uint8_t { Loading, Idle, Busy, Draining };

struct Occupant {
  std::string name;
  std::uint64_t bytes = 0;          // freed when it ends
  std::uint64_t private_bytes = 0;  // the part that the machine's free figure leaves out already
  Occupation occupation = Occupation::Loading;
  SteadyTime last_used{};
};

struct MemoryState {
  std::uint64_t free_bytes = 0;     // of the machine, now
  std::uint64_t reserve_bytes = 0;  // never given out
  std::vector<Occupant> occupants;
};

struct Plan {
  enum class Kind : std::uint8_t {
    Fits,     // load now
    Wait,     // something will become free: victims (if any) were asked to go
    WontFit,  // not even with every worker gone
  };
  Kind kind = Kind::Fits;
  std::vector<std::string> victims;  // to drain, least recently used first; only with Wait
  std::uint64_t most_bytes = 0;      // that this machine could give to a model
};

// Idle workers go, least recently used first, and none that need not; a busy one never.
Plan plan_load(std::uint64_t need_bytes, const MemoryState& state);

}  // namespace xc::fleet

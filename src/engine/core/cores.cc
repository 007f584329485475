#include "engine/core/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/control_groups.h"

namespace xc::engine {
namespace {

// Of a core's time, in cores; 0: no bound ("max", or -1).
double quota_of(const ControlGroup& group) {
  double quota_us = 0;
  double period_us = 0;
  if (group.version == 2) {
    std::istringstream text(file_of(group, "cpu.max"));  // "150000 100000"
    if (!(text >> quota_us >> period_us)) return 0;
  } else {
    std::istringstream quota(file_of(group, "cpu.cfs_quota_us"));
    std::istringstream period(file_of(group, "cpu.cfs_period_us"));
    if (!(quota >> quota_us) || !(period >> period_us)) return 0;
  }
  return quota_us > 0 && period_us > 0 ? quota_us / period_us : 0;
}

}  // namespace

int cores_granted_at(const std::string& root, int bound_to) {
  double cores = bound_to;
  for (const ControlGroup& group : control_groups(root, "cpu")) {
    const double quota = quota_of(group);
    if (quota > 0) cores = std::min(cores, quota);
  }
  return std::max(static_cast<int>(std::floor(cores)), 1);
}

int cores_granted() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
  return cores_granted_at("", known ? std::max(CPU_COUNT(&set), 1) : 1);
}

}  // namespace xc::engine

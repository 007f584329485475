// How many cores this process may compute on.
#pragma once

#include <string>

namespace xc::engine {

// Those it is bound to, or fewer where a control group grants less of their time: more threads
// than that are stopped in the middle of a step, and the others wait for them. At least 1.
int cores_granted();
// The same with another root for /proc and /sys, of a process bound to so many.
int cores_granted_at(const std::string& root, int bound_to);

}  // namespace xc::engine

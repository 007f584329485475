// The control groups (cgroups) that bound this process, of both versions of the interface.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xc {

struct ControlGroup {
  std::string folder;
  int version = 2;
};

// Those of a controller ("memory", "cpu"): the process's own group, then every group above it.
// root: where /proc and /sys lie; empty but in tests.
std::vector<ControlGroup> control_groups(const std::string& root, std::string_view controller);

// A file of such a folder; empty when it cannot be read.
std::string file_of(const ControlGroup& group, std::string_view name);

}  // namespace xc

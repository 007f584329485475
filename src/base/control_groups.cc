#include "base/control_groups.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace xc {
namespace {

// "cpu" in "cpu,cpuacct".
bool lists(std::string_view controllers, std::string_view wanted) {
  while (!controllers.empty()) {
    const std::size_t end = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, end) == wanted) return true;
    controllers.remove_prefix(std::min(end + 1, controllers.size()));
  }
  return false;
}

void add_tree(const std::string& mount, std::string path, int version,
              std::vector<ControlGroup>& groups) {
  for (;;) {
    while (path.ends_with('/')) path.pop_back();
    groups.push_back({mount + path, version});
    if (path.empty()) return;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

std::vector<ControlGroup> control_groups(const std::string& root, std::string_view controller) {
  std::vector<ControlGroup> groups;
  std::ifstream lines(root + "/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {  // "0::/path", "9:cpu,cpuacct:/path"
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string path = line.substr(second + 1);
    if (path.find("..") != std::string::npos) continue;  // outside our namespace: not visible
    const auto named = std::string_view(line).substr(first + 1, second - first - 1);
    if (line.starts_with("0::")) {
      add_tree(root + "/sys/fs/cgroup", path, 2, groups);
    } else if (lists(named, controller)) {
      add_tree(root + "/sys/fs/cgroup/" + std::string(controller), path, 1, groups);
    }
  }
  return groups;
}

std::string file_of(const ControlGroup& group, std::string_view name) {
  std::ifstream in(group.folder + "/" + std::string(name));
  std::ostringstream out;
  if (in) out << in.rdbuf();
  return out.str();
}

}  // namespace xc

// memory_here(): /proc/meminfo, bounded by the limits of the control groups above this process.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "catalog/fit.h"

namespace xc::catalog {
namespace {

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  if (in) out << in.rdbuf();
  return out.str();
}

// The number after `key` at the start of a line: "MemAvailable:   123 kB", "inactive_file 42".
std::uint64_t field(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t digit = line.find_first_of("0123456789", key.size());
    if (digit != std::string::npos)
      return to_number(std::string_view(line).substr(digit)).value_or(0);
  }
  return 0;
}

// File names of one version of the interface.
struct Group {
  const char* limit;
  const char* used;
  const char* reclaimable;  // key in memory.stat: page cache that goes when memory is short
};
constexpr Group kVersion2{"memory.max", "memory.current", "inactive_file "};
constexpr Group kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "};

void bound_by(Memory& memory, const std::string& folder, const Group& names) {
  const auto limit = to_number(read_all(folder + "/" + names.limit));  // "max" is no number
  if (!limit || *limit >= memory.total_bytes) return;
  const std::uint64_t used = to_number(read_all(folder + "/" + names.used)).value_or(0);
  const std::uint64_t cache = field(read_all(folder + "/memory.stat"), names.reclaimable);
  const std::uint64_t held = used - std::min(used, cache);
  memory.total_bytes = *limit;
  memory.available_bytes = std::min(memory.available_bytes, *limit - std::min(*limit, held));
}

// `path` is the group of this process; every group above it counts too.
void bound_by_tree(Memory& memory, const std::string& mount, std::string path, const Group& names) {
  for (;;) {
    while (path.ends_with('/')) path.pop_back();
    bound_by(memory, mount + path, names);
    if (path.empty()) return;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

Memory memory_at(const std::string& root) {
  Memory memory;
  const std::string info = read_all(root + "/proc/meminfo");
  memory.total_bytes = field(info, "MemTotal:") * 1024;
  memory.available_bytes = field(info, "MemAvailable:") * 1024;
  std::istringstream groups(read_all(root + "/proc/self/cgroup"));
  for (std::string line; std::getline(groups, line);) {  // "0::/path", "9:memory:/path"
    const std::size_t second = line.find(':', line.find(':') + 1);
    if (second == std::string::npos) continue;
    const std::string path = line.substr(second + 1);
    if (path.find("..") != std::string::npos) continue;  // outside our namespace: not visible
    if (line.starts_with("0::")) {
      bound_by_tree(memory, root + "/sys/fs/cgroup", path, kVersion2);
    } else if (line.find(":memory:") != std::string::npos) {
      bound_by_tree(memory, root + "/sys/fs/cgroup/memory", path, kVersion1);
    }
  }
  return memory;
}

Memory memory_here() { return memory_at(""); }

}  // namespace xc::catalog

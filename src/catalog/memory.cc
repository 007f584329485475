// memory_here(): /proc/meminfo, bounded by the limits of the control groups above this process.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "base/control_groups.h"
#include "catalog/fit.h"

namespace xc::catalog {
namespace {

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
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
struct Names {
  const char* limit;
  const char* used;
  const char* reclaimable;  // key in memory.stat: page cache that goes when memory is short
};
constexpr Names kVersion2{"memory.max", "memory.current", "inactive_file "};
constexpr Names kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "};

void bound_by(Memory& memory, const ControlGroup& group) {
  const Names& names = group.version == 2 ? kVersion2 : kVersion1;
  const auto limit = to_number(file_of(group, names.limit));  // "max" is no number
  if (!limit || *limit >= memory.total_bytes) return;
  const std::uint64_t used = to_number(file_of(group, names.used)).value_or(0);
  const std::uint64_t cache = field(file_of(group, "memory.stat"), names.reclaimable);
  const std::uint64_t held = used - std::min(used, cache);
  memory.total_bytes = *limit;
  memory.available_bytes = std::min(memory.available_bytes, *limit - std::min(*limit, held));
}

}  // namespace

Memory memory_at(const std::string& root) {
  Memory memory;
  std::ostringstream info;
  info << std::ifstream(root + "/proc/meminfo").rdbuf();
  memory.total_bytes = field(info.str(), "MemTotal:") * 1024;
  memory.available_bytes = field(info.str(), "MemAvailable:") * 1024;
  for (const ControlGroup& group : control_groups(root, "memory")) bound_by(memory, group);
  return memory;
}

Memory memory_here() { return memory_at(""); }

}  // namespace xc::catalog

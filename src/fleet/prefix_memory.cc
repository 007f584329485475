#include "fleet/prefix_memory.h"

#include <algorithm>
#include <functional>

#include "base/limits.h"

namespace xc::fleet {

std::vector<std::uint64_t> prefixes_of(std::string_view salt, std::string_view text) {
  const std::size_t blocks =
      std::min(text.size() / limits::kPrefixBlockBytes, limits::kPrefixBlocksMax);
  std::vector<std::uint64_t> out;
  out.reserve(blocks);
  std::uint64_t chain = std::hash<std::string_view>()(salt);
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::string_view block =
        text.substr(i * limits::kPrefixBlockBytes, limits::kPrefixBlockBytes);
    // splitmix64's finaliser over both: an exchanged order gives another value.
    std::uint64_t mixed = (chain * 0x9e3779b97f4a7c15u) ^ std::hash<std::string_view>()(block);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    chain = mixed ^ (mixed >> 31);
    out.push_back(chain);
  }
  return out;
}

std::string_view PrefixMemory::find(const std::vector<std::uint64_t>& prefixes) const {
  for (auto at = prefixes.rbegin(); at != prefixes.rend(); ++at) {
    const auto found = owners_.find(*at);
    if (found != owners_.end()) return found->second;
  }
  return {};
}

void PrefixMemory::note(const std::vector<std::uint64_t>& prefixes, const std::string& endpoint) {
  for (const std::uint64_t prefix : prefixes) {
    const auto [at, fresh] = owners_.insert_or_assign(prefix, endpoint);
    static_cast<void>(at);
    if (fresh) order_.push_back(prefix);
  }
  while (order_.size() > limits::kPrefixesMax) {
    owners_.erase(order_.front());
    order_.pop_front();
  }
}

}  // namespace xc::fleet

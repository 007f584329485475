// Which endpoint saw which prefix of a prompt last. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xc::fleet {

// Hashes of the text's first 1, 2, 3 … blocks of limits::kPrefixBlockBytes, each over all before
// it. `salt` keeps tenants apart: one cannot learn from timing what another asked. A text shorter
// than a block has none.
std::vector<std::uint64_t> prefixes_of(std::string_view salt, std::string_view text);

// Bounded: the oldest entries go first (limits::kPrefixesMax).
class PrefixMemory {
 public:
  // The endpoint of the longest prefix that is known; empty when none is.
  std::string_view find(const std::vector<std::uint64_t>& prefixes) const;
  void note(const std::vector<std::uint64_t>& prefixes, const std::string& endpoint);

 private:
  std::unordered_map<std::uint64_t, std::string> owners_;
  std::deque<std::uint64_t> order_;
};

}  // namespace xc::fleet

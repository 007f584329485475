#include "engine/core/adapter_turns.h"

#include <algorithm>

namespace xc::engine {

std::uint64_t AdapterTurns::next(const std::vector<std::uint64_t>& with_work) {
  const auto among = [](const auto& all, std::uint64_t one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  std::erase_if(ring_, [&](std::uint64_t adapter) { return !among(with_work, adapter); });
  for (const std::uint64_t adapter : with_work) {
    if (!among(ring_, adapter)) ring_.push_back(adapter);
  }
  if (ring_.empty()) return 0;
  const std::uint64_t adapter = ring_.front();
  ring_.pop_front();
  ring_.push_back(adapter);
  return adapter;
}

}  // namespace xc::engine

#include "net/client_pool.h"

#include "base/limits.h"

namespace xc::net {

ClientPool::ClientPool(int threads, std::size_t idle_max)
    : idle_max_(idle_max), shelves_(static_cast<std::size_t>(threads)) {}

ClientPool::Shelf* ClientPool::shelf() {
  const int thread = Runtime::this_thread();
  if (thread < 0 || static_cast<std::size_t>(thread) >= shelves_.size()) return nullptr;
  return &shelves_[static_cast<std::size_t>(thread)];
}

std::shared_ptr<ClientStream> ClientPool::take(const std::string& key) {
  Shelf* own = shelf();
  if (!own) return nullptr;
  const auto at = own->kept.find(key);
  if (at == own->kept.end()) return nullptr;
  std::shared_ptr<ClientStream> found;
  while (!found && !at->second.empty()) {
    std::shared_ptr<ClientStream> last = std::move(at->second.back());
    at->second.pop_back();
    if (last->is_fresh()) found = std::move(last);
  }
  if (at->second.empty()) own->kept.erase(at);
  return found;
}

void ClientPool::put(const std::string& key, std::shared_ptr<ClientStream> stream) {
  Shelf* own = shelf();
  if (!own || idle_max_ == 0) return;
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now - own->pruned_at > limits::kClientIdleTimeout) prune(*own, now);
  Kept& kept = own->kept[key];
  if (kept.size() >= idle_max_) kept.erase(kept.begin());
  stream->rest(now);
  kept.push_back(std::move(stream));
}

// Origins come and go (a worker's socket has a new name after a restart): what rested too long is
// closed, whosever it is.
void ClientPool::prune(Shelf& shelf, SteadyTime now) {
  shelf.pruned_at = now;
  for (auto& [key, kept] : shelf.kept) {
    std::erase_if(kept, [&](const auto& stream) {
      return now - stream->resting_since() > limits::kClientIdleTimeout;
    });
  }
  std::erase_if(shelf.kept, [](const auto& entry) { return entry.second.empty(); });
}

}  // namespace xc::net

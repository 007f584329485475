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

std::shared_ptr<const Peer> ClientPool::peer_of(const Origin& origin) {
  Shelf* own = shelf();
  if (!own) return std::make_shared<const Peer>(origin, origin.key());
  own->key.clear();
  origin.append_key(own->key);
  const auto at = own->kept.find(own->key);
  if (at == own->kept.end()) return std::make_shared<const Peer>(origin, own->key);
  std::shared_ptr<const Peer>& peer = at->second.peer;
  const bool same = peer && peer->origin.guarded == origin.guarded;  // the key has all the rest
  if (!same) peer = std::make_shared<const Peer>(origin, own->key);
  return peer;
}

std::shared_ptr<ClientStream> ClientPool::take(const std::string& key) {
  Shelf* own = shelf();
  if (!own) return nullptr;
  const auto at = own->kept.find(key);
  if (at == own->kept.end()) return nullptr;
  std::vector<std::shared_ptr<ClientStream>>& streams = at->second.streams;
  while (!streams.empty()) {
    std::shared_ptr<ClientStream> last = std::move(streams.back());
    streams.pop_back();
    if (last->is_fresh()) return last;
  }
  return nullptr;
}

void ClientPool::put(const std::string& key, std::shared_ptr<ClientStream> stream) {
  Shelf* own = shelf();
  if (!own || idle_max_ == 0) return;
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now - own->pruned_at > limits::kClientIdleTimeout) prune(*own, now);
  std::vector<std::shared_ptr<ClientStream>>& streams = own->kept[key].streams;
  if (streams.size() >= idle_max_) streams.erase(streams.begin());
  stream->rest(now);
  streams.push_back(std::move(stream));
}

// Origins come and go (a worker's socket has a new name after a restart): what rested too long is
// closed, whosever it is.
void ClientPool::prune(Shelf& shelf, SteadyTime now) {
  shelf.pruned_at = now;
  for (auto& [key, kept] : shelf.kept) {
    std::erase_if(kept.streams, [&](const auto& stream) {
      return now - stream->resting_since() > limits::kClientIdleTimeout;
    });
  }
  std::erase_if(shelf.kept, [](const auto& entry) { return entry.second.streams.empty(); });
}

}  // namespace xc::net

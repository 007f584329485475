// Kept connections, per I/O thread and origin, last in first out.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/client_stream.h"

namespace xc::net {

// Every thread sees only its own part, so there is no lock. On other threads nothing is kept.
class ClientPool {
 public:
  ClientPool(int threads, std::size_t idle_max);

  // The same object for the same origin, most often.
  std::shared_ptr<const Peer> peer_of(const Origin& origin);
  // Null when none is kept that still looks alive.
  std::shared_ptr<ClientStream> take(const std::string& key);
  void put(const std::string& key, std::shared_ptr<ClientStream> stream);

 private:
  struct Kept {
    std::shared_ptr<const Peer> peer;                    // as it was named last
    std::vector<std::shared_ptr<ClientStream>> streams;  // oldest first
  };
  struct Shelf {
    std::unordered_map<std::string, Kept> kept;  // those without a stream until they are pruned
    std::string key;                             // of a look-up
    SteadyTime pruned_at{};
  };
  Shelf* shelf();
  static void prune(Shelf& shelf, SteadyTime now);

  const std::size_t idle_max_;
  std::vector<Shelf> shelves_;
};

}  // namespace xc::net

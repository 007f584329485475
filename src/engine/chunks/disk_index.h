// Which chunk files there are, least recently used first, as far as this process knows: others may
// write or delete files at any time. Thread-safe; every call is short and touches no disk, so that
// the engine thread may ask.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/chunks/chunk_key.h"

namespace xc::engine {

class DiskIndex {
 public:
  struct Entry {
    Digest key{};
    Digest space{};
    std::uint64_t bytes = 0;    // of the file
    std::int64_t used_us = 0;   // last use, Unix time
    std::int64_t noted_us = 0;  // last use as the file's own time says it
  };

  std::optional<Entry> find(const Digest& key) const;
  // Makes it the most recently used. True when the file's time is older than `every_us` now: the
  // caller sees to it, and it counts as noted.
  bool use(const Digest& key, std::int64_t now_us, std::int64_t every_us);
  void add(const Entry& entry);
  void remove(const Digest& key);
  std::optional<Entry> oldest() const;
  // Forgets everything and takes these, of which order does not matter.
  void replace(std::vector<Entry> entries);

  std::uint64_t bytes() const;
  std::size_t size() const;

 private:
  using Order = std::list<Entry>;  // oldest first
  using Places = std::unordered_map<Digest, Order::iterator, DigestHash>;

  mutable std::mutex mutex_;
  Order order_;
  Places places_;
  std::uint64_t bytes_ = 0;
};

}  // namespace xc::engine

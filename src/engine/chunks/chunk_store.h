// The KV cache beyond the KV cache: chunks of 256 tokens in RAM, then on disk. A cache: losing any
// of it costs time, never an answer, and no call fails towards a request.
//
//   I/O thread     space = store.open_space(identity, tenant);   chain(space); chain.extend(prompt)
//   engine thread  covered(chain) -> request(chain, from, to, done) -> done(chunks): restore them
//                  … compute the rest …  put(chain, i, bytes);  after each wake: poll()
//
// Threads: open_space, stats, ready from any; all else from the engine thread. Only open_space and
// flush touch the disk; the rest takes microseconds. `wake` comes from the background thread: make
// the engine thread call poll() soon.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/limits.h"
#include "engine/chunks/chunk_courier.h"
#include "engine/chunks/ram_tier.h"

namespace xc::engine {

struct ChunkStoreOptions {
  std::string folder;  // $XINGCHA_HOME/data/chunks; empty: RAM only
  std::uint64_t ram_bytes_max = 0;
  std::uint64_t disk_bytes_max = 0;  // of all workers that share the folder; 0: RAM only
  std::uint64_t disk_reserve_bytes = limits::kChunkDiskReserve;
  ChunkCipher cipher = ChunkCipher::Aes256Gcm;
};

enum class ChunkState : std::uint8_t { Absent, Disk, Ram };

// Leading chunks of a chain: in RAM, and in RAM or on disk (as far as is known without looking).
struct ChunkCoverage {
  std::size_t ram = 0;
  std::size_t known = 0;
};

class ChunkStore {
 public:
  // files null: the machine's. clock, random and files outlive the store; random is thread-safe.
  // Error: BadSetting when this OpenSSL lacks the cipher, FileError when there can be no folder.
  static Result<std::unique_ptr<ChunkStore>> open(ChunkStoreOptions options, const Clock& clock,
                                                  RandomSource& random, std::function<void()> wake,
                                                  ChunkFiles* files = nullptr);

  // The tenant must be the authenticated one. Read anew for each request, so that an erasure
  // counts at once. Blocks for microseconds. Error: FileError: do without chunks.
  Result<ChunkSpaceRef> open_space(const ChunkIdentity& identity, const std::string& tenant);

  ChunkState state(const ChunkLink& link) const;
  ChunkCoverage covered(const ChunkChain& chain) const;
  // Chunks [first, end) as far as they are in RAM without a gap; counts as a use of the chain.
  std::vector<ChunkRef> get(const ChunkChain& chain, std::size_t first, std::size_t end);

  // Brings [first, end) into RAM. `done` is called once, from poll(), with the leading chunks that
  // are there then (perhaps none), held by the caller as long as it likes. False, and `done` is
  // never called, when nothing of it would come from disk: use get. (Nor is it called when the
  // store is destroyed first.)
  using Done = std::function<void(std::vector<ChunkRef>)>;
  bool request(const ChunkChain& chain, std::size_t first, std::size_t end, Done done);
  // Delivers what was loaded. Call after each wake.
  void poll();

  // The bytes of chunk i. Known chunks are only marked as used.
  void put(const ChunkChain& chain, std::size_t i, KvBytes bytes);

  // Destroys the tenant's secret, then all its chunks. `done` from poll(): false when the secret
  // could not be erased. Spaces opened before are dead; open_space makes a new secret.
  void erase_tenant(const std::string& tenant, std::function<void(bool)> done);

  ChunkStats stats() const;
  // What is on disk is known. Before, everything on disk counts as absent.
  bool ready() const { return !courier_ || courier_->ready(); }
  // Not yet, and it is worth waiting for: a folder that takes seconds to list is not.
  bool will_be_ready() const;
  // Waits for the background thread: before a hand-over, and in tests. False: not in that time.
  bool flush(Duration timeout) { return !courier_ || courier_->flush(timeout); }

 private:
  ChunkStore(ChunkStoreOptions options, const Clock& clock, RandomSource& random);
  bool make_room(std::uint64_t bytes);
  // Tail first, so that a chain is evicted from its end: its beginning serves more prompts.
  void use(const ChunkChain& chain, std::size_t end);
  void save(const ChunkRef& chunk);
  bool erased(const ChunkSpace& space) const { return erased_.contains(tag_of_space(space.id)); }
  void mark_erased(const TenantTag& tag);
  void count_ram() { counters_.ram_chunks = ram_.size(); }
  // The next want of a load; false when it ends here.
  bool add_want(const ChunkLink& link, ChunkCourier::Load& load);

  ChunkStoreOptions options_;
  const Clock& clock_;
  SteadyTime opened_at_;
  ChunkCounters counters_;
  TenantKeys keys_;
  RamTier ram_;
  std::unique_ptr<ChunkFiles> own_files_;
  std::unique_ptr<ChunkDisk> disk_;  // null: RAM only
  std::unordered_set<Digest, DigestHash> loading_;
  std::unordered_map<std::uint64_t, Done> loads_;
  std::unordered_map<std::uint64_t, std::function<void(bool)>> erasures_;
  std::unordered_map<std::uint64_t, std::string> erasing_;  // tenants
  std::set<TenantTag> erased_;
  std::uint64_t next_id_ = 1;
  std::unique_ptr<ChunkCourier> courier_;  // last: its thread uses what is above
};

}  // namespace xc::engine

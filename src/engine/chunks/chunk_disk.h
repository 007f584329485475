// The disk tier: a folder of sealed chunk files with a budget. A cache: no failure here is an
// error to anybody, and a crash loses at most what was not yet written. Several processes may
// share the folder; files come by rename and may vanish at any time.
//
// Threads: file_bytes and use from any thread, they touch no disk; load from several threads at
// once, all else from one thread and never beside load; blocking.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "engine/chunks/chunk_files.h"
#include "engine/chunks/chunk_stats.h"
#include "engine/chunks/disk_index.h"
#include "engine/chunks/tenant_keys.h"

namespace xc::engine {

struct ChunkDiskOptions {
  std::string folder;
  std::uint64_t bytes_max = 0;      // of all files in the folder
  std::uint64_t reserve_bytes = 0;  // free space on the file system that is left to others
  ChunkCipher cipher = ChunkCipher::Aes256Gcm;
};

class ChunkDisk {
 public:
  ChunkDisk(ChunkDiskOptions options, const Clock& clock, RandomSource& random, ChunkFiles& files,
            TenantKeys& keys, ChunkCounters& counters);

  // Size of the chunk's file; 0 when there is none that this process knows of.
  std::uint64_t file_bytes(const ChunkLink& link) const;
  // Notes a use. True when touch() is due.
  bool use(const ChunkLink& link);

  // Lists the folder; removes what nobody can read (tenants erased, left by crashes) and what is
  // above the budget.
  void scan();
  bool scan_due() const;
  // null: vanished, unreadable, or not that chunk (then the file is deleted).
  ChunkRef load(const ChunkLink& link, ByteHold hold);
  // Writes unless it is there; makes room by deleting the least recently used files. During a
  // pause after a failed write the chunk is dropped.
  void store(const Chunk& chunk);
  void touch(const Digest& key);
  // The tenant's secret, then all its files. Returns whether that went through, as far as there
  // was a secret; `tag` then names its spaces.
  Result<std::optional<TenantTag>> erase_tenant(const std::string& tenant);

  const DiskIndex& index() const { return index_; }

 private:
  std::int64_t now_us() const { return clock_.unix_ms() * 1000; }
  std::string path_of(const ChunkLink& link) const;
  bool paused() const { return clock_.now() < paused_until_; }
  void begin_pause();
  void remove(const DiskIndex::Entry& entry);
  void make_room(std::uint64_t bytes);
  void remove_orphans(ChunkListing& listing);
  std::string unique_name();
  bool write(const Chunk& chunk);

  ChunkDiskOptions options_;
  const Clock& clock_;
  RandomSource& random_;
  ChunkFiles& files_;
  TenantKeys& keys_;
  ChunkCounters& counters_;
  DiskIndex index_;
  std::uint64_t written_since_scan_ = 0;
  SteadyTime scanned_at_{};
  SteadyTime paused_until_{};
  std::chrono::seconds pause_{0};
};

}  // namespace xc::engine

// What the chunk store counts. ChunkCounters is shared by its threads; ChunkStats is a copy.
#pragma once

#include <atomic>
#include <cstdint>

namespace xc::engine {

struct ChunkStats {
  std::uint64_t ram_bytes = 0, ram_chunks = 0;    // now; bytes include pinned and promised chunks
  std::uint64_t disk_bytes = 0, disk_chunks = 0;  // now; of all models that share the folder
  std::uint64_t hits_ram = 0;                     // chunks handed out from RAM
  std::uint64_t hits_disk = 0;                    // chunks promoted from disk
  std::uint64_t misses = 0;                       // chunks stored that nobody had
  std::uint64_t written = 0;                      // files
  std::uint64_t rejected = 0;          // files that were corrupt, foreign or not decryptable
  std::uint64_t vanished = 0;          // files that were gone when wanted
  std::uint64_t read_failures = 0;     // of the disk
  std::uint64_t write_failures = 0;    // of the disk; each starts a pause
  std::uint64_t dropped_writes = 0;    // queue full, pause, no room on the disk
  std::uint64_t dropped_puts = 0;      // no room in RAM: too much is pinned
  std::uint64_t dropped_requests = 0;  // promotions refused: queue full or no room in RAM
  std::uint64_t evicted_ram = 0, evicted_disk = 0;
};

struct ChunkCounters {
  std::atomic<std::uint64_t> ram_chunks{0}, hits_ram{0}, hits_disk{0}, misses{0}, written{0},
      rejected{0}, vanished{0}, read_failures{0}, write_failures{0}, dropped_writes{0},
      dropped_puts{0}, dropped_requests{0}, evicted_ram{0}, evicted_disk{0};
};

}  // namespace xc::engine

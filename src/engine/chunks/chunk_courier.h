// The background thread between RAM and disk: loads first, then erasures, writes, and notes of
// use; now and then it lists the folder. Its queues are bounded; the engine thread never waits.
//
// Threads: every call from the engine thread, or any one thread; none blocks on the disk but
// flush. A large load starts a few more threads for as long as it takes. `wake` is called from the
// background thread, with no lock held, when take() has something and when ready() becomes true.
// The destructor lets the job in work end and drops the rest.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/chunks/chunk_disk.h"

namespace xc::engine {

class ChunkCourier {
 public:
  // One chunk to be there: `ready` when it is in RAM; else `hold` is the memory promised to it,
  // or empty when an earlier load that is on its way brings it.
  struct Want {
    ChunkLink link;
    ChunkRef ready;
    ByteHold hold;
  };
  struct Load {
    std::uint64_t id = 0;
    std::vector<Want> wants;
  };
  // One of both: what a load brought (a leading part of its wants), or the end of an erasure.
  struct Outcome {
    std::uint64_t id = 0;
    std::vector<ChunkRef> chunks;
    std::vector<Digest> asked;  // keys of a load that were not ready
    bool erased = false;
    std::optional<TenantTag> tag;
  };

  ChunkCourier(ChunkDisk& disk, std::uint64_t write_bytes_max, std::function<void()> wake,
               ChunkCounters& counters);
  ~ChunkCourier();
  ChunkCourier(const ChunkCourier&) = delete;
  ChunkCourier& operator=(const ChunkCourier&) = delete;

  bool load(Load load);  // false: too many wait
  // True also when it is queued already. False: the queue is full.
  bool write(const ChunkRef& chunk);
  void touch(const Digest& key);
  void erase(std::uint64_t id, std::string tenant);
  std::vector<Outcome> take();

  // The folder was listed once.
  bool ready() const;
  // Waits until nothing is queued or in work. False: not within that time.
  bool flush(Duration timeout);

 private:
  struct Erasure {
    std::uint64_t id = 0;
    std::string tenant;
  };

  void run();
  bool idle() const;  // with the lock held
  // Each takes one job out with the lock held, and works on it without. False: there was none.
  bool load_one(std::unique_lock<std::mutex>& lock);
  bool erase_one(std::unique_lock<std::mutex>& lock);
  bool write_one(std::unique_lock<std::mutex>& lock);
  bool touch_one(std::unique_lock<std::mutex>& lock);
  bool scan_if_due(std::unique_lock<std::mutex>& lock);
  void deliver(std::unique_lock<std::mutex>& lock, Outcome outcome);
  Outcome work_on(Load load);
  void read_missing(std::vector<Want>& wants);
  ChunkRef recent(const ChunkLink& link);

  ChunkDisk& disk_;
  std::uint64_t write_bytes_max_;
  std::function<void()> wake_;
  ChunkCounters& counters_;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  std::deque<Load> loads_;
  std::deque<Erasure> erasures_;
  std::deque<ChunkRef> writes_;
  std::unordered_set<Digest, DigestHash> writing_;  // queued or in work
  std::uint64_t write_bytes_ = 0;
  std::deque<Digest> touches_;
  std::vector<Outcome> outcomes_;
  bool busy_ = false;
  bool ready_ = false;
  bool stop_ = false;

  // The background thread's own: what it loaded and somebody may still hold.
  std::unordered_map<Digest, std::weak_ptr<const Chunk>, DigestHash> recent_;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace xc::engine

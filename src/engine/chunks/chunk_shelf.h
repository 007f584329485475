// The shelf of the scheduler on the chunk store: cuts sequences into chunks and a tail, copies them
// out of the cache and back. Engine thread only.
#pragma once

#include <map>

#include "engine/chunks/chunk_store.h"
#include "engine/chunks/tail_tier.h"
#include "engine/core/kv_shelf.h"

namespace xc::engine {

// KV bytes of positions of one sequence, out of and into the cache.
class KvCopier {
 public:
  virtual ~KvCopier() = default;
  // Positions [from, to) of seq; empty when it cannot be done.
  virtual KvBytes copy_out(int seq, int from, int to) = 0;
  // bytes: what copy_out gave for positions from `begin` on. Adds [from, to) of it to seq, which
  // holds [0, from). False: nothing was changed.
  virtual bool copy_in(int seq, Bytes bytes, int begin, int from, int to) = 0;
};

// How the memory for copies is divided. Each conversation has one tail, of 128 tokens on average.
struct ShelfRam {
  std::uint64_t chunks, tails;
};
constexpr ShelfRam divided(std::uint64_t bytes) { return {bytes - bytes / 8 * 3, bytes / 8 * 3}; }

class ChunkShelf final : public KvShelf {
 public:
  // tail_bytes_max: RAM for tails. References must outlive it.
  ChunkShelf(ChunkStore& store, KvCopier& copier, std::uint64_t tail_bytes_max)
      : store_(store), copier_(copier), tails_(tail_bytes_max) {}

  // A request of this tenant arrived: its chunks are found and kept here from now on.
  void set_space(const std::string& tenant, ChunkSpaceRef space);
  // Delivers what came off the disk, forgets what nobody asked for again; call before each step.
  void poll();

  Found find(const std::string& tenant, const std::vector<Token>& tokens, int max) override;
  Loaded load(const std::string& tenant, int seq, const std::vector<Token>& tokens, int from,
              int to) override;
  Saved save(const std::string& tenant, int seq, const std::vector<Token>& tokens) override;

 private:
  struct Arrival {
    Digest last{};  // key of the last chunk that was asked for
    std::size_t first = 0;
    bool here = false;           // with what could be had, perhaps nothing
    std::uint64_t asked_at = 0;  // polls
    std::vector<ChunkRef> chunks;
  };
  ChunkSpaceRef space_of(const std::string& tenant) const;
  Arrival* arrival_of(const ChunkChain& chain, std::size_t known);
  std::vector<Digest> take_arrivals(const ChunkChain& chain, std::size_t first,
                                    std::vector<ChunkRef>& chunks);
  static TailTier::Place place_after(const ChunkChain& chain, std::size_t chunks);

  ChunkStore& store_;
  KvCopier& copier_;
  TailTier tails_;
  std::map<std::string, ChunkSpaceRef> spaces_;
  // Asked for. Bounded: the store refuses loads beyond its queue, and who waits asks each step.
  std::vector<std::shared_ptr<Arrival>> arrivals_;
  std::uint64_t polls_ = 0;
};

}  // namespace xc::engine

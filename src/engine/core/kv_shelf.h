// Copies of cached prefixes outside the cache: in memory, on disk. An interface, so that the
// scheduler is tested without either. Engine thread only; no call waits for a disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/sequence_pool.h"

namespace xc::engine {

class KvShelf {
 public:
  virtual ~KvShelf() = default;

  // Leading tokens that anything on the shelf begins with, servable or not.
  virtual int common(const std::string& tenant, const std::vector<Token>& tokens) const {
    (void)tenant, (void)tokens;
    return 0;
  }

  struct Found {
    int tokens = 0;        // leading tokens that load() can serve now
    bool pending = false;  // more of them are on their way from the disk: ask again soon
  };
  // tokens[0, max) of this tenant; a longer prefix on disk is sent for.
  virtual Found find(const std::string& tenant, const std::vector<Token>& tokens, int max) = 0;

  // Extends sequence seq, which holds tokens[0, from), to at most `to`. Returns how many leading
  // tokens it holds now: `from` when nothing could be had. from_disk: how many came off the disk.
  struct Loaded {
    int tokens = 0;
    int from_disk = 0;
    std::uint64_t bytes = 0;  // that were copied into the cache
  };
  virtual Loaded load(const std::string& tenant, int seq, const std::vector<Token>& tokens,
                      int from, int to) = 0;

  // Copies what of sequence seq, which holds exactly these tokens, is not on the shelf yet.
  struct Saved {
    int tokens = 0;           // leading ones that the shelf holds now
    std::uint64_t bytes = 0;  // that were copied out of the cache
  };
  virtual Saved save(const std::string& tenant, int seq, const std::vector<Token>& tokens) = 0;
};

}  // namespace xc::engine

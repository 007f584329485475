// The shelf for memories that cannot be cut or copied in part (recurrent, hybrid, sliding window):
// whole states of sequences at exact positions, in RAM. A checkpoint serves every prompt that
// begins with all of its tokens. Least recently used goes first. Engine thread only.
#pragma once

#include <cstddef>
#include <list>
#include <span>
#include <string>
#include <vector>

#include "engine/chunks/kv_bytes.h"
#include "engine/core/kv_shelf.h"

namespace xc::engine {

// The state of one sequence, out of and into the memory.
class StateCopier {
 public:
  virtual ~StateCopier() = default;
  // Empty when it cannot be done.
  virtual KvBytes copy_state(int seq) = 0;
  // In place of what seq holds. False: seq is empty now.
  virtual bool restore_state(int seq, std::span<const std::byte> state) = 0;
};

class CheckpointShelf final : public KvShelf {
 public:
  static constexpr std::size_t kCheckpointsMax = 256;

  // The copier must outlive it.
  CheckpointShelf(StateCopier& copier, std::uint64_t bytes_max)
      : copier_(copier), bytes_max_(bytes_max) {}

  int common(const std::string& tenant, const std::vector<Token>& tokens) const override;
  Found find(const std::string& tenant, const std::vector<Token>& tokens, int max) override;
  Loaded load(const std::string& tenant, int seq, const std::vector<Token>& tokens, int from,
              int to) override;
  Saved save(const std::string& tenant, int seq, const std::vector<Token>& tokens) override;
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Checkpoint {
    std::string tenant;
    std::vector<Token> tokens;
    KvBytes state;
    std::uint64_t bytes() const { return state.size() + tokens.size() * sizeof(Token); }
  };
  using Checkpoints = std::list<Checkpoint>;  // the most recently used first
  Checkpoints::iterator longest(const std::string& tenant, std::span<const Token> tokens);
  void touch(Checkpoints::iterator at) { all_.splice(all_.begin(), all_, at); }
  void erase(Checkpoints::iterator at);

  StateCopier& copier_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  Checkpoints all_;
};

}  // namespace xc::engine

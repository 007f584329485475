#include "engine/chunks/checkpoint_shelf.h"

#include <algorithm>

namespace xc::engine {

void CheckpointShelf::erase(Checkpoints::iterator at) {
  bytes_ -= at->bytes();
  all_.erase(at);
}

// The longest that is a beginning of these tokens, or all of them.
CheckpointShelf::Checkpoints::iterator CheckpointShelf::longest(const std::string& tenant,
                                                                std::span<const Token> tokens) {
  auto best = all_.end();
  for (auto at = all_.begin(); at != all_.end(); ++at) {
    const std::size_t length = at->tokens.size();
    if (at->tenant != tenant || length > tokens.size()) continue;
    if (best != all_.end() && length <= best->tokens.size()) continue;
    if (common_prefix(at->tokens, tokens) == static_cast<int>(length)) best = at;
  }
  return best;
}

int CheckpointShelf::common(const std::string& tenant, const std::vector<Token>& tokens) const {
  int best = 0;
  for (const Checkpoint& one : all_) {
    if (one.tenant == tenant) best = std::max(best, common_prefix(one.tokens, tokens));
  }
  return best;
}

KvShelf::Found CheckpointShelf::find(const std::string& tenant, const std::vector<Token>& tokens,
                                     int max) {
  const auto count = std::min(tokens.size(), static_cast<std::size_t>(std::max(max, 0)));
  const auto found = longest(tenant, std::span(tokens).first(count));
  return {found == all_.end() ? 0 : static_cast<int>(found->tokens.size()), false};
}

KvShelf::Loaded CheckpointShelf::load(const std::string& tenant, int seq,
                                      const std::vector<Token>& tokens, int from, int to) {
  // What stands there would be lost if it failed.
  if (from > 0) return {from, 0, 0};
  const auto found = longest(tenant, std::span(tokens).first(static_cast<std::size_t>(to)));
  if (found == all_.end()) return {};
  touch(found);
  if (!copier_.restore_state(seq, found->state)) {
    erase(found);  // it would fail again
    return {};
  }
  return {static_cast<int>(found->tokens.size()), 0, found->state.size()};
}

// Images have no tokens that could be compared: nothing behind one is kept.
KvShelf::Saved CheckpointShelf::save(const std::string& tenant, int seq,
                                     const std::vector<Token>& tokens) {
  if (tokens.empty() || std::ranges::find(tokens, kMediaToken) != tokens.end()) return {};
  const auto known = longest(tenant, tokens);
  if (known != all_.end() && known->tokens.size() == tokens.size()) {
    touch(known);
    return {static_cast<int>(tokens.size()), 0};
  }
  Checkpoint made{tenant, tokens, copier_.copy_state(seq)};
  if (made.state.empty() || made.bytes() > bytes_max_) return {};
  const std::uint64_t copied = made.state.size();
  bytes_ += made.bytes();
  all_.push_front(std::move(made));
  while (bytes_ > bytes_max_ || all_.size() > kCheckpointsMax) erase(std::prev(all_.end()));
  return {static_cast<int>(tokens.size()), copied};
}

}  // namespace xc::engine

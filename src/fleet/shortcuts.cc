#include "fleet/shortcuts.h"

#include "base/limits.h"

namespace xc::fleet {

std::shared_ptr<const ReadyWorker> Shortcuts::take(const std::string& name, SteadyTime now) {
  const std::lock_guard hold(lock_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return nullptr;
  Entry& entry = found->second;
  if (now - entry.at >= fresh_) {
    entry.at = now;
    return nullptr;
  }
  if (entry.worker->usage->try_take()) return entry.worker;
  entries_.erase(found);
  return nullptr;
}

void Shortcuts::put(const std::string& name, std::shared_ptr<const ReadyWorker> worker,
                    SteadyTime looked_up) {
  const std::lock_guard hold(lock_);
  if (entries_.size() >= limits::kResolvedNamesMax) entries_.clear();
  entries_.insert_or_assign(name, Entry{std::move(worker), looked_up});
}

}  // namespace xc::fleet

#include "fleet/shortcuts.h"

#include "base/limits.h"

namespace xc::fleet {

Shortcuts::Found Shortcuts::take(const std::string& name, SteadyTime now) {
  const std::lock_guard hold(lock_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return {};
  Entry& entry = found->second;
  const Duration age = now - entry.at;
  const bool old = age >= fresh_;
  if (old) entry.at = now;
  if (age >= fresh_ * kStaleFactor) return {};
  if (entry.worker->usage->try_take()) return {entry.worker, old};
  entries_.erase(found);
  return {};
}

void Shortcuts::forget(const std::string& name) {
  const std::lock_guard hold(lock_);
  entries_.erase(name);
}

void Shortcuts::put(const std::string& name, std::shared_ptr<const ReadyWorker> worker,
                    SteadyTime looked_up) {
  const std::lock_guard hold(lock_);
  if (entries_.size() >= limits::kResolvedNamesMax) entries_.clear();
  entries_.insert_or_assign(name, Entry{std::move(worker), looked_up});
}

}  // namespace xc::fleet

#include "fleet/restart_policy.h"

#include <algorithm>

namespace xc::fleet {

RestartPolicy::Decision RestartPolicy::decide() const {
  const SteadyTime now = clock_.now();
  if (failures_.empty()) return {Verdict::Start, now};
  const SteadyTime last = failures_.back();
  if (opened_) {
    const SteadyTime retry = last + limits_.circuit_retry;
    return {now >= retry ? Verdict::Start : Verdict::Open, retry};
  }
  Duration wait = limits_.backoff_first;
  for (int n = failures(); n > 1 && wait < limits_.backoff_max; --n) wait *= 2;
  const SteadyTime until = last + std::min(wait, limits_.backoff_max);
  return {now >= until ? Verdict::Start : Verdict::BackOff, until};
}

void RestartPolicy::failed() {
  forget_old();
  failures_.push_back(clock_.now());
  if (failures() > limits_.restarts_max) opened_ = true;
  while (static_cast<int>(failures_.size()) > limits_.restarts_max + 1) failures_.pop_front();
}

void RestartPolicy::ready() {
  if (!opened_) return;
  opened_ = false;
  failures_.clear();
}

int RestartPolicy::failures() const {
  const SteadyTime oldest = clock_.now() - limits_.window;
  return static_cast<int>(std::count_if(failures_.begin(), failures_.end(),
                                        [oldest](SteadyTime at) { return at > oldest; }));
}

void RestartPolicy::forget_old() {
  const SteadyTime oldest = clock_.now() - limits_.window;
  while (!failures_.empty() && failures_.front() <= oldest) failures_.pop_front();
}

}  // namespace xc::fleet

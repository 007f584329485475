// The arithmetic of fair queueing for one level (the tenants of a class, the keys of a tenant):
// start-time fair queueing over virtual token counters. No requests here; see fair_queue.h.
// Engine thread only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

namespace xc::engine {

// What a level knows of one of its parts.
struct FairFlow {
  double served = 0;  // tokens, prepaid ones included; what fairness equalises
  double since = 0;   // the level's clock when it began to wait or was last picked in fair order
  int waiting = 0;    // requests
  int waiting_short = 0;
  int members = 0;  // waiting and running requests
};

// Flow derives from FairFlow. Addresses of flows are stable while they have members.
//
// Invariants: served of a flow that waits anew is at least floor(), so idling earns nothing;
// floor() and the clock never go back while the level has members.
template <typename Flow>
class FairLevel {
 public:
  // The flow of this name, made when new. Forgets idle flows when more than kept_max are known:
  // first those that carry no debt, then those with the least.
  Flow& at(const std::string& name, std::size_t kept_max) {
    const auto found = flows_.find(name);
    if (found != flows_.end()) return found->second;
    if (flows_.size() >= kept_max) forget(kept_max);
    Flow& flow = flows_[name];
    flow.served = floor_;
    return flow;
  }

  // A request of this flow starts to wait / no longer waits / joins / leaves.
  void add_waiting(Flow& flow, bool is_short) {
    if (flow.waiting == 0) {
      flow.served = std::max(flow.served, floor_);
      flow.since = clock_;
      ++waiting_flows_;
    }
    ++flow.waiting;
    flow.waiting_short += is_short ? 1 : 0;
  }
  void drop_waiting(Flow& flow, bool is_short) {
    --flow.waiting;
    flow.waiting_short -= is_short ? 1 : 0;
    if (flow.waiting == 0) --waiting_flows_;
  }
  void join(Flow& flow) {
    ++flow.members;
    ++members_;
  }
  // The last member of the level takes all counters with it: a quiet machine owes nobody anything.
  // A flow without members and without debt is forgotten.
  void leave(Flow& flow) {
    --flow.members;
    if (--members_ == 0) {
      flows_.clear();
      floor_ = clock_ = 0;
    } else if (flow.members == 0 && flow.served <= floor_) {
      std::erase_if(flows_, [&](const auto& entry) { return &entry.second == &flow; });
    }
  }

  // Who is next in fair order; null when nobody waits. A flow that was passed over for
  // age · (flows that wait) tokens goes first, the longest passed over before others; else the one
  // that was served least.
  const Flow* fair(double age) const {
    const Flow* least = nullptr;
    const Flow* oldest = nullptr;
    for (const auto& [name, flow] : flows_) {
      if (flow.waiting == 0) continue;
      if (least == nullptr || less(flow, *least)) least = &flow;
      if (oldest == nullptr || flow.since < oldest->since) oldest = &flow;
    }
    if (oldest != nullptr && clock_ - oldest->since >= age * waiting_flows_) return oldest;
    return least;
  }
  // Who has a short request and was served at most `lead` tokens more than the least served that
  // waits; null when there is none.
  const Flow* shortest(double lead) const {
    const Flow* best = nullptr;
    double least = -1;
    for (const auto& [name, flow] : flows_) {
      if (flow.waiting == 0) continue;
      if (least < 0 || flow.served < least) least = flow.served;
      if (flow.waiting_short > 0 && (best == nullptr || less(flow, *best))) best = &flow;
    }
    return best != nullptr && best->served <= least + lead ? best : nullptr;
  }

  // `flow`, which waits, is about to get tokens in fair order: who comes new starts where the least
  // served stands.
  void picked(Flow& flow) {
    double least = flow.served;
    for (const auto& [name, other] : flows_) {
      if (other.waiting > 0) least = std::min(least, other.served);
    }
    floor_ = std::max(floor_, least);
    flow.since = clock_;
  }
  void advance(double tokens) { clock_ += tokens; }
  // Takes a charge back, down to `slack` below the floor: prepaying and cancelling earns nothing.
  void refund(Flow& flow, double tokens, double slack) {
    const double lowest = std::min(flow.served, floor_ - slack);
    flow.served = std::max(lowest, flow.served - tokens);
  }

  const std::map<std::string, Flow>& flows() const { return flows_; }
  double floor() const { return floor_; }
  int waiting_flows() const { return waiting_flows_; }

 private:
  static bool less(const Flow& a, const Flow& b) {
    return a.served != b.served ? a.served < b.served : a.since < b.since;
  }
  void forget(std::size_t kept_max) {
    std::erase_if(flows_, [this](const auto& entry) {
      return entry.second.members == 0 && entry.second.served <= floor_;
    });
    while (flows_.size() >= kept_max) {
      auto victim = flows_.end();
      for (auto it = flows_.begin(); it != flows_.end(); ++it) {
        if (it->second.members > 0) continue;
        if (victim == flows_.end() || it->second.served < victim->second.served) victim = it;
      }
      if (victim == flows_.end()) return;
      flows_.erase(victim);
    }
  }

  std::map<std::string, Flow> flows_;
  double floor_ = 0;  // the least served of those that waited at the last fair pick
  double clock_ = 0;  // tokens this level was given
  int waiting_flows_ = 0;
  int members_ = 0;
};

}  // namespace xc::engine

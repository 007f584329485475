// Who is served next: class → tenant → key → request in order of arrival, fair in tokens. Holds
// waiting requests and an account of the running ones; knows no model. Engine thread only; time is
// an argument. Rules and reasons: docs/decisions/0009-fair-queueing.md.
//
// A request is unknown, waiting (push, put_back) or running (pop); remove and expire end it.
//
// Cost of a request = uncached prompt + output_weight · expected answer, prepaid when it is popped;
// charge() uses the prepaid part up, then counts on; remove() gives back what was not used, but no
// more than short_burst below what others were served meanwhile.
//
// Bounds that hold whatever others do, in cost popped (C: the largest cost of a request, L:
// short_burst + short_max), as long as the caller pops what peek_next() says:
//  1. A class that waits is popped from after at most class_age + 2·C of higher classes; a lower
//     one goes before it at most once each class_age of its own.
//  2. Between two fair picks of a class, short requests that overtake take less than L.
//  3. A tenant that waits while at most T do is picked within tenant_age·T + T·(C + L) of its
//     class. Likewise a key within its tenant (K keys).
//  4. Within a key only short requests overtake. So, by 1 – 3, whoever stays is popped.
//  5. What two tenants of a class that both wait all the time were charged differs by at most
//     2·C + L, plus what running requests take beyond the expected, as long as no fair turn takes
//     longer than tenant_age·T. Splitting into keys changes nothing of it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/deadline.h"
#include "base/limits.h"
#include "base/result.h"
#include "engine/core/fair_flow.h"
#include "engine/priority.h"

namespace xc::engine {

struct FairQueueOptions {
  std::size_t waiting_max = limits::kWorkerQueueMax;
  std::size_t tenant_waiting_max = limits::kTenantQueueMax;
  double output_weight = 2;   // one answer token in prompt tokens
  double short_max = 512;     // cost up to which a request is short
  double short_burst = 2048;  // tokens by which short ones may overtake
  double tenant_age = 32768;  // at least the cost of a full context
  std::array<double, kClasses> class_age{0, 8192, 32768};  // [0] is not used
  std::size_t flows_kept_max = limits::kFairFlowsMax;      // tenants of a class, keys of a tenant
};

struct FairRequest {
  std::uint64_t id = 0;
  int priority = 1;  // clamped to the classes
  std::string tenant;
  std::string key;
  int prompt_tokens = 0;  // not in the cache as far as known
  int answer_tokens = 0;  // expected
  Deadline deadline = Deadline::never();
};

class FairQueue {
 public:
  explicit FairQueue(FairQueueOptions options = {});

  // Takes a request whose id is not known here. tokens_per_s: the measured pace of the engine, 0
  // when unknown. Error: QueueFull (RateLimited) for its tenant or in all, with retry_after_s = the
  // tokens that go before this tenant's next request, at that pace.
  Status push(const FairRequest& request, SteadyTime now, double tokens_per_s);

  // The next request to admit; nullopt when nobody waits. Stable until the queue changes.
  std::optional<std::uint64_t> peek_next() const;
  // Who may go past one of this class that cannot start: of a higher class, or a short one, in fair
  // order but without the limits on overtaking: the caller has its own. nullopt: nobody.
  std::optional<std::uint64_t> peek_past(int priority) const;
  // A waiting request starts. Another one than peek_next() (to share its prefix, say) counts as
  // overtaking: it uses up the allowance of short ones. False: it does not wait.
  bool pop(std::uint64_t id);
  // A running request waits again (preempted), at its place by arrival, whatever the bounds. Its
  // new cost: 0 prompt_tokens when computing them again is not its own fault. False: not running.
  bool put_back(std::uint64_t id, int prompt_tokens, int answer_tokens);
  // The request is over, waiting or running: finished, cancelled, failed. False: unknown.
  bool remove(std::uint64_t id);
  // Takes out the waiting requests whose deadline passed, in order of arrival.
  std::vector<std::uint64_t> expire(SteadyTime now);

  // So much of a running request's prompt turned out to be cached: gives the prepaid part back at
  // once. Later, others would start from a floor that was never reached.
  void forgive(std::uint64_t id, int prompt_tokens);
  // Tokens that a running request was really given in a step. Unknown ids are ignored.
  void charge(std::uint64_t id, int prompt_tokens, int answer_tokens);

  // Whose prompt goes first in a step: class (a class that ages counts as first), then the tenant
  // and the key that were served less, then arrival. A strict weak order over known requests while
  // the queue does not change; false when one is unknown.
  bool before(std::uint64_t a, std::uint64_t b) const;

  struct Depth {
    int waiting = 0;
    double tokens = 0;  // cost that waits
    Duration oldest_wait{0};
  };
  Depth depth(int priority, SteadyTime now) const;
  std::size_t waiting() const { return waiting_; }
  std::size_t running() const { return entries_.size() - waiting_; }
  bool knows(std::uint64_t id) const { return entries_.contains(id); }

 private:
  struct Key : FairFlow {
    std::deque<std::uint64_t> queue;
  };
  struct Tenant : FairFlow {
    FairLevel<Key> keys;
    double waiting_cost = 0;
  };
  struct Class {
    FairLevel<Tenant> tenants;
    int waiting = 0;
    int running = 0;
    double waiting_cost = 0;
    double overtaken = 0;       // cost that went past the fair order since the last fair pick
    double passed_over = 0;     // cost of higher classes popped since this one waits or was popped
    double prompts_behind = 0;  // prompt tokens of higher classes since this one computed some
  };
  struct Entry {
    FairRequest request;
    std::uint64_t number = 0;  // of arrival
    SteadyTime arrived{};
    double cost = 0;
    double prepaid = 0;  // while running: not yet used
    bool is_short = false;
    bool is_running = false;
    std::size_t level = 0;  // class
    Tenant* tenant = nullptr;
    Key* key = nullptr;
  };
  struct Pick {
    std::uint64_t id;
    bool fair;
  };
  const Class* class_to_serve() const;
  Pick pick_in(const Class& level) const;  // of a class that waits
  // Of tenants that are at most `lead` tokens ahead.
  std::optional<std::uint64_t> short_in(const Class& level, double lead) const;
  bool prompts_aged(std::size_t level) const;
  void set_cost(Entry& entry, int prompt_tokens, int answer_tokens) const;
  void start_waiting(Entry& entry);
  void stop_waiting(Entry& entry);
  void stop_running(Entry& entry);
  std::size_t tenant_waiting(const std::string& tenant) const;
  Error queue_full(const Entry& entry, std::size_t count, double tokens_per_s) const;

  FairQueueOptions options_;
  std::array<Class, kClasses> classes_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  std::size_t waiting_ = 0;
  std::uint64_t arrivals_ = 0;
  SteadyTime next_deadline_ = SteadyTime::max();  // not later than any deadline that waits
};

}  // namespace xc::engine

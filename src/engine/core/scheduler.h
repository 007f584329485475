// Who is computed next, on what cells: the engine's scheduler without a model. Holds every request
// from submit() to the end, places lanes into the cache (sharing what others have computed, loading
// what the shelf keeps), plans each step, and makes room by sending lanes away and bringing them
// back. Never cuts, steals or fails a request for want of room.
//
// One loop of the engine: submit() what came; sweep(); plan() → compute → computed(); sample, then
// grew() or finish() for every lane that has a row. Engine thread only; time is an argument, so a
// seed repeats a run (tests/sim).
//
// Invariants: a lane with seq >= 0 is live in the pool; the pool's tokens of it are a prefix of
// lane.target; a request is in waiting_, or in active_ with its id running in the queue; each ends
// exactly once, through the Ended callback or through finish() of its last lane.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "engine/core/adapter_turns.h"
#include "engine/core/cost_model.h"
#include "engine/core/fair_queue.h"
#include "engine/core/kv_shelf.h"
#include "engine/core/request.h"
#include "engine/core/scheduler_options.h"
#include "engine/core/sequence_pool.h"
#include "engine/core/step_plan.h"

namespace xc::engine {

class Scheduler {
 public:
  // shelf may be null. References must outlive it.
  Scheduler(const SchedulerOptions& options, CacheMemory& memory, KvShelf* shelf);

  // A smaller model whose guesses may ride along; must outlive the scheduler.
  void use(Drafter* drafter) { drafter_ = drafter; }

  // A request with one lane whose target is the prompt; or one that goes on from another process:
  // sampled, with its prompt_tokens and all its lanes. On QueueFull the request is given back.
  struct Refused {
    std::unique_ptr<Request> request;
    Error error;
  };
  std::optional<Refused> submit(std::unique_ptr<Request> request, SteadyTime now);

  // Ends what was cancelled (error null) or is past its deadline.
  using Ended = std::function<void(Request&, const Error*)>;
  void sweep(SteadyTime now, const Ended& ended);

  // Admits and places what fits, then says what the next step computes: rows of lanes, in the order
  // they enter the batch. tokens beyond the known target are lane.draft. Empty: nothing to do now
  // (all parked, or waiting for the disk).
  struct Row {
    Lane* lane = nullptr;
    int from = 0;    // position of its first token in target
    int tokens = 0;  // of target, then of draft
    int drafts = 0;
  };
  std::vector<Row> plan(SteadyTime now, int threads);
  // The step was computed. Refused guesses are taken back by grew().
  void computed(const std::vector<Row>& rows, double ms);
  // A trial step of so many decode rows, of nobody's tokens, took this long.
  void tried(int threads, int rows, double ms) {
    cost_.observe({threads, 0, rows, pool_.cells_used()}, ms);
  }
  // The device had no room for the step (or for an image), nothing was computed. Makes some; false
  // when there is none to make: the caller ends what it planned. What was planned is void.
  bool make_room();

  // A lane got its next token(s): tokens[0] from its row, the rest were accepted guesses.
  void grew(Lane& lane, const std::vector<Token>& tokens);
  // The prompt of the request is computed: makes its other lanes by `make`, which share the prompt.
  void fork_lanes(Request& request, const std::function<std::unique_ptr<Lane>(int number)>& make);
  // A lane is done. Its tokens stay for the next turn when it was the first.
  void finish(Lane& lane);
  // Ends all lanes of a request; nothing of it is kept.
  void abandon(Request& request);
  // Ends all requests; they go on elsewhere. Save first.
  void abandon_all();
  // Forgets requests that ended. After this their memory is gone.
  void retire();
  // Cells that the engine filled itself (an encoded image): `count` tokens of lane.target.
  void filled(Lane& lane, int count);

  // Lanes in the cache that are not done, in order of admission.
  std::vector<Lane*> placed() const;
  int computed_tokens(const Lane& lane) const {
    return static_cast<int>(pool_.tokens(lane.seq).size());
  }
  // Copies to the shelf what idle sequences hold; does at most one, false when all are there.
  bool save_idle();
  // Copies everything, live lanes too: before the process ends.
  void save_all();

  bool idle() const { return active_.empty() && waiting_.empty(); }
  // Some lane could be computed or placed without news from outside.
  bool has_work() const;
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t active() const { return active_.size(); }
  double tokens_per_s() const { return tokens_per_s_; }
  const SchedulerCounters& counters() const { return counters_; }
  const FairQueue& queue() const { return queue_; }
  const SequencePool& pool() const { return pool_; }
  // Request::space of what the pool holds under this salt, and its tenant.
  const std::string& space_of(std::uint64_t salt) const { return *spaces_[salt]; }
  std::string tenant_of(std::uint64_t salt) const { return spaces_[salt]->c_str(); }
  const std::list<std::unique_ptr<Request>>& running() const { return active_; }
  const std::unordered_map<std::uint64_t, std::unique_ptr<Request>>& queued() const {
    return waiting_;
  }

 private:
  // The cache as the pool sees it: what leaves goes over the shelf first.
  struct Keeper final : CacheMemory {
    Keeper(Scheduler& owner, CacheMemory& device) : owner(owner), device(device) {}
    void share(int src, int dst, int end) override { device.share(src, dst, end); }
    bool drop(int seq, int from) override { return device.drop(seq, from); }
    void leaving(int seq, std::uint64_t salt, const std::vector<Token>& tokens) override;
    Scheduler& owner;
    CacheMemory& device;
  };
  enum class Placing { Placed, WaitsForPrefix, WaitsForDisk, NoRoom };
  void place_active();
  void admit_waiting();
  bool may_admit(const Request& request) const;
  std::optional<std::uint64_t> next_admission() const;
  bool place_all(Request& request);
  bool make_way(const Request& request);
  Placing place(Lane& lane);
  int parting_of(const Lane& lane, std::uint64_t salt) const;
  void keep_checkpoint(Lane& lane);
  void placed_anew(Lane& lane, int live, const KvShelf::Loaded& loaded);
  bool waits_for_disk(Lane& lane);
  void forgive(Request& request, int tokens);
  bool waits_for_prefix(Lane& lane, int had);
  bool waits_for_sibling(const Lane& lane, int had) const;
  bool still_leads(const Lane& lane) const;
  int reserve_of(const Lane& lane) const;
  int promised_cells() const;
  bool is_short(const Request& request) const;
  double cost_of(const Request& request) const;
  int short_sequences() const;
  void unplace(Lane& lane, bool retain);
  Request* first_to_leave(const std::function<bool(const Request&)>& may_leave) const;
  Request* giver(const Request& request) const;
  void preempt(Request& request);
  void send_away(Lane& lane);
  bool shed_lane();
  bool ensure_cells(int needed);
  struct Turn {
    std::uint64_t adapter = 0;
    std::size_t round = 1;      // adapters that take turns
    int decodes_elsewhere = 0;  // lanes of other adapters that decode
  };
  Turn next_turn();
  std::vector<SequenceView> views(int threads, std::uint64_t adapter);
  bool is_decoding(const Lane& lane) const;
  double target_tbt_ms() const;  // of those who decode
  int prefill_budget(int decodes, const Turn& turn, int threads, int tokens_max) const;
  int newcomer_budget(int decodes, int threads, int tokens_max) const;
  int draft_from_past(Lane& lane, int rows, int threads);
  void draft(const std::vector<Lane*>& decoding, int threads);
  std::function<double(int)> step_ms(int rows, int threads) const;
  std::uint64_t salt_of(const std::string& space);
  int expected_answer(const Request& request) const;

  SchedulerOptions options_;
  KvShelf* shelf_;
  Drafter* drafter_ = nullptr;
  Keeper keeper_;
  SequencePool pool_;
  FairQueue queue_;
  StepCostModel cost_;
  StepShape shape_;                     // of the step being computed
  std::set<std::uint64_t> shorts_led_;  // adapters in whose last step short prompts led
  bool newcomers_only_ = false;         // the step being computed is of newcomers alone
  double newcomers_only_ms_ = 0;        // what that took, when it was the last one
  std::unordered_map<std::uint64_t, std::unique_ptr<Request>> waiting_;
  std::list<std::unique_ptr<Request>> active_;  // in order of admission
  std::map<std::string, std::uint64_t> salts_;  // Request::space by number: never equal for two
  std::vector<const std::string*> spaces_;      // and back: keys of salts_
  AdapterTurns turns_;
  std::uint64_t ids_ = 0;
  SteadyTime now_{};              // of the plan being made
  int blocked_class_ = kClasses;  // the most urgent that was admitted and finds no room
  double overtaken_ = 0;          // cost of what went past it
  double answer_mean_ = 128;      // tokens, of answers that ended
  double tokens_per_s_ = 0;       // while computing
  SchedulerCounters counters_;
};

}  // namespace xc::engine

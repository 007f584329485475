// The one thread that owns the llama_context. Takes jobs from a bounded inbox, keeps as many runs
// going as the cache holds, and never waits for a reader. Every step: drop what was cancelled,
// admit what fits, plan, decode, sample.
//
// submit… and stats are thread-safe; everything else is the thread's own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "engine/core/step_plan.h"
#include "engine/core/thread_governor.h"
#include "engine/llama/model.h"
#include "engine/llama/run.h"
#include "engine/llama/vectors.h"
#include "engine/llama/vision.h"

namespace xc::engine::llama {

class EngineThread {
 public:
  // Starts the thread. vision may be null. References must outlive it.
  EngineThread(const Model& model, ContextPtr context, Vision* vision, Vectors* vectors);
  // Stops the thread; unfinished answers get ShuttingDown.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // Error: QueueFull with a Retry-After from the queue's pace.
  Status submit(std::unique_ptr<Job> job);
  Status submit(std::unique_ptr<VectorJob> job);
  // A lagging reader caught up, or one was cancelled.
  void poke();
  Stats stats() const;

 private:
  struct Cache;  // CacheMemory on the llama context

  void loop();
  bool wait_for_work();
  void take_inbox();
  void drop_cancelled();
  void admit();
  bool place(Choice& choice, int reserve);
  bool step_media();
  bool step_tokens();
  void build_batch(const std::vector<Slice>& plan);
  void after_decode();
  void on_token(Choice& choice, int row);
  void finish_choice(Choice& choice, schema::Finish finish);
  void fork_choices(Run& run);
  void handle_decode_failure(int code);
  bool preempt_one();
  void fail_run(Run& run, Error error);
  void retire_ended();
  void unplace(Choice& choice, bool retain);
  void publish_stats();
  std::vector<Choice*> placed();
  bool step_cancelled() const;
  Error queue_full() const;

  const Model& model_;
  ContextPtr context_;
  Vision* vision_;
  Vectors* vectors_;
  std::unique_ptr<Cache> cache_;
  SequencePool pool_;
  StepBudget budget_;
  ThreadGovernor governor_;

  std::list<std::unique_ptr<Run>> waiting_;  // in order; preempted ones come back to the front
  std::list<std::unique_ptr<Run>> running_;
  std::deque<std::unique_ptr<VectorJob>> vector_jobs_;
  std::uint64_t arrivals_ = 0;

  struct Row {
    Choice* choice;
    int row;     // of the logits; -1: none wanted
    int tokens;  // added in this batch
  };
  Batch batch_;
  std::vector<Row> rows_;

  mutable std::mutex mutex_;  // inbox_, stop_, poked_, stats_
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> inbox_;
  std::deque<std::unique_ptr<VectorJob>> vector_inbox_;
  bool stop_ = false;
  bool poked_ = false;
  int pending_ = 0;  // submitted and not yet running
  Stats stats_;      // published copy
  Stats counters_;   // the thread's own
  std::thread thread_;
};

}  // namespace xc::engine::llama

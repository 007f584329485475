// The one thread that owns the llama_context. Takes jobs from a bounded inbox, lets the scheduler
// say what each step computes, decodes, samples, and never waits for a reader or a disk.
//
// submit…, poke, hand_over, stats and view are thread-safe; everything else is the thread's own.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "engine/chunks/chunk_shelf.h"
#include "engine/core/scheduler.h"
#include "engine/core/thread_governor.h"
#include "engine/llama/cache.h"
#include "engine/llama/cell_order.h"
#include "engine/llama/compute_pool.h"
#include "engine/llama/draft_model.h"
#include "engine/llama/model.h"
#include "engine/llama/row_probe.h"
#include "engine/llama/run.h"
#include "engine/llama/vectors.h"
#include "engine/llama/vision.h"

namespace xc::engine::llama {

class EngineThread {
 public:
  // Starts the thread. vision, drafter and store may be null. References must outlive it.
  EngineThread(const Model& model, ContextPtr context, Adapters& adapters, Vision* vision,
               Vectors* vectors, DraftModel* drafter, ChunkStore* store);
  // Stops the thread; unfinished answers get ShuttingDown. What the cache holds goes to the store.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // Error: QueueFull with a Retry-After from the queue's pace.
  Status submit(std::unique_ptr<Job> job);
  Status submit(std::unique_ptr<VectorJob> job);
  // A lagging reader caught up, one was cancelled, or chunks came off the disk.
  void poke();
  // From now on: Engine::hand_over.
  void hand_over();
  Stats stats() const;
  EngineView view() const;

 private:
  void loop();
  bool wait_for_work();
  void use_idle_time(std::unique_lock<std::mutex>& lock);
  bool probe_rows();
  void take_inbox();
  void admit_job(std::unique_ptr<Job> job);
  static void resume_lanes(Run& run, Job& job);
  bool leaving() const;
  void hand_over_all();
  void ask_readers();
  void step();
  bool step_media();
  bool step_tokens();
  bool apply_adapter();
  void decode_rows(int threads);
  void build_batch();
  void after_decode();
  void first_tokens(Choice& first, int row);
  void score(const Scheduler::Row& row, int output);
  static void echo_prompt(Run& run, int choice);
  void on_row(Choice& choice, int row);
  bool deliver(Choice& choice, Token token, int row);
  void finish_choice(Choice& choice, schema::Finish finish);
  void handle_decode_failure(int code);
  static void push(Run& run, Piece piece);
  void fail_run(Run& run, Error error);
  void publish();
  void publish_view(SteadyTime now);
  bool step_cancelled() const;
  bool has_news() const { return stop_ || poked_ || !inbox_.empty() || !vector_inbox_.empty(); }
  Error queue_full() const;

  const Model& model_;
  ComputePool pool_;  // outlives the context
  ContextPtr context_;
  CellOrder order_;
  Adapters& adapters_;
  Vision* vision_;
  Vectors* vectors_;
  DraftModel* drafter_;
  ChunkStore* store_;
  Cache cache_;
  std::unique_ptr<ChunkShelf> shelf_;
  std::unique_ptr<CheckpointShelf> checkpoints_;  // instead, where a memory cannot be cut
  Scheduler scheduler_;
  ThreadGovernor governor_;
  RowProbe probe_;
  bool probing_ = false;  // a step of nobody's tokens runs; a request ends it
  std::deque<std::unique_ptr<VectorJob>> vector_jobs_;
  bool stalled_ = false;  // the last plan was empty though there is work: the disk is awaited

  struct Outcome {
    std::vector<Token> tokens;  // of the row being sampled
    std::optional<schema::Finish> finish;
  };
  Outcome outcome_;
  Batch batch_;
  std::vector<Scheduler::Row> rows_;  // of the step in progress
  std::vector<int> outputs_;          // of each row: its first row of logits; -1: none

  mutable std::mutex mutex_;  // inboxes, stop_, leaving_, poked_, pending_, stats_, view_
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> inbox_;
  std::deque<std::unique_ptr<VectorJob>> vector_inbox_;
  bool stop_ = false;
  bool leaving_ = false;
  bool poked_ = false;
  int pending_ = 0;  // submitted and not yet running
  Stats stats_;      // published copy
  EngineView view_;  // published copy
  SteadyTime viewed_{};
  Stats counters_;  // the thread's own
  std::thread thread_;
};

}  // namespace xc::engine::llama

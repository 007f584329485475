// The fake engine's thread: takes jobs, plays one delta of each a step, hands over when told to.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/fake_engine.h"
#include "engine/fake_job.h"
#include "engine/fake_script.h"

namespace xc::engine {

// Every call is thread-safe. The thread lives from construction to destruction.
class FakePlayer {
 public:
  explicit FakePlayer(FakeOptions options);
  ~FakePlayer();
  FakePlayer(const FakePlayer&) = delete;
  FakePlayer& operator=(const FakePlayer&) = delete;

  const FakeOptions& options() const { return options_; }
  // Adds n choices that answer `text` to the job.
  void prepare(FakeJob& job, std::string_view text, int n, const FakeLimits& limits) const;
  // Error: QueueFull.
  Result<std::unique_ptr<DeltaAnswer>> submit(FakeJob job, Wake wake);
  // From now on every answer that runs or comes ends with a handover.
  void hand_over();
  Stats stats() const;

 private:
  void run();
  bool wait(std::vector<FakeJob>& live);
  // One step of one job; false when it is over.
  bool step(FakeJob& job);
  void finish(FakeJob& job);

  const FakeOptions options_;
  mutable std::mutex mutex_;  // all below but thread_
  std::condition_variable changed_;
  std::vector<FakeJob> arrived_;
  Stats counters_;
  bool stopping_ = false;
  bool leaving_ = false;
  bool nudged_ = false;
  std::thread thread_;
};

}  // namespace xc::engine

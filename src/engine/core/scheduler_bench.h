// A scheduler on a fake device, with a shelf in memory where asked for, as the tests of the
// scheduler use it. For tests; one thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "engine/core/scheduler_rig.h"

namespace xc::engine {

inline constexpr int kCells = 8192;

inline SchedulerOptions options_of(int cells = kCells, int sequences = 64, bool can_share = true) {
  SchedulerOptions options;
  options.cells = cells;
  options.sequences = sequences;
  options.can_share = can_share;
  return options;
}

// A rig with its device, and a shelf in memory where asked for.
struct Bench {
  explicit Bench(const SchedulerOptions& options, bool with_shelf = false)
      : device(options.sequences, options.cells, options.can_share) {
    if (with_shelf && options.can_share) open_shelf();
    if (with_shelf && !options.can_share) checkpoints.emplace(device, 64u << 20);
    KvShelf* kept = shelf.get();
    if (checkpoints) kept = &*checkpoints;
    rig.emplace(options, device, kept, [this] {
      if (shelf) shelf->poll();
    });
  }
  void open_shelf() {
    ChunkStoreOptions set;
    set.ram_bytes_max = 256u << 20;
    auto opened = ChunkStore::open(set, clock, random, [] {});
    ASSERT_TRUE(opened);
    store = *std::move(opened);
    shelf = std::make_unique<ChunkShelf>(*store, device, 64u << 20);
    for (const char* tenant : {"t", "a", "b"}) {
      auto space = store->open_space({"m", "1", "f16", "f16", "u", "", "r"}, tenant);
      ASSERT_TRUE(space);
      shelf->set_space(tenant, *space);
    }
  }
  SchedulerRig* operator->() { return &*rig; }
  const SchedulerCounters& counters() { return rig->scheduler().counters(); }

  // Runs to the end, checking at every turn.
  void finish(int turns_max = 100'000) {
    for (int turn = 0; turn < turns_max && !rig->scheduler().idle(); ++turn) {
      rig->step();
      const std::string fault = rig->fault();
      if (!fault.empty()) FAIL() << fault << " at turn " << turn;
    }
    ASSERT_TRUE(rig->scheduler().idle()) << "somebody never ends";
    EXPECT_EQ(rig->scheduler().pool().live(), 0);
    EXPECT_EQ(rig->scheduler().queue().running(), 0u);
    EXPECT_EQ(rig->scheduler().queue().waiting(), 0u);
  }
  void all_right() {
    for (int i = 0; i < rig->count(); ++i) EXPECT_TRUE(rig->right(i)) << "request " << i;
  }

  ManualClock clock;
  SeededRandom random{7};
  FakeDevice device;
  std::unique_ptr<ChunkStore> store;
  std::unique_ptr<ChunkShelf> shelf;
  std::optional<CheckpointShelf> checkpoints;
  std::optional<SchedulerRig> rig;
};

inline Ask ask_for(std::vector<Token> prompt, int max_tokens = 16) {
  Ask ask;
  ask.prompt = std::move(prompt);
  ask.max_tokens = max_tokens;
  return ask;
}

// Requests in every state at once: waiting, in the cache, held for a prefix, preempted, parked.
struct EveryState {
  EveryState() : bench(options_of(1024, 8), true) {
    const auto shared = prompt_of(1, 300);
    for (std::uint64_t i = 0; i < 3; ++i) add(ask_for(shared + prompt_of(10 + i, 20), 150));
    Ask ask = ask_for(prompt_of(2, 300), 200);
    ask.n = 3;
    add(ask);
    for (std::uint64_t i = 0; i < 12; ++i) add(ask_for(prompt_of(20 + i, 250), 100));
  }
  void add(Ask ask) {
    ask.deadline = deadline;
    bench->submit(ask);
  }
  Deadline deadline = Deadline::never();
  Bench bench;
};

}  // namespace xc::engine

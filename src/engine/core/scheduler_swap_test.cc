// What is counted when requests give way: requests are one thing, cells that move are another.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/core/scheduler_bench.h"

namespace xc::engine {
namespace {

// Keeps whole sequences and says where they come from.
class PlainShelf final : public KvShelf {
 public:
  PlainShelf(FakeDevice& device, bool on_disk) : device_(device), on_disk_(on_disk) {}

  Found find(const std::string&, const std::vector<Token>& tokens, int max) override {
    const Entry* best = best_for(tokens, max);
    return {best != nullptr ? static_cast<int>(best->first.size()) : 0, false};
  }
  Loaded load(const std::string&, int seq, const std::vector<Token>& tokens, int from,
              int to) override {
    const Entry* best = best_for(tokens, to);
    const int end = best != nullptr ? static_cast<int>(best->first.size()) : 0;
    if (end <= from || !device_.copy_in(seq, best->second, 0, from, end)) return {from, 0, 0};
    return {end, on_disk_ ? end - from : 0, best->second.size()};
  }
  Saved save(const std::string&, int seq, const std::vector<Token>& tokens) override {
    if (tokens.empty()) return {};
    KvBytes& kept = kept_[tokens];
    const bool fresh = kept.empty();
    if (fresh) kept = device_.copy_out(seq, 0, static_cast<int>(tokens.size()));
    return {static_cast<int>(tokens.size()), fresh ? kept.size() : 0};
  }

 private:
  using Entry = std::pair<const std::vector<Token>, KvBytes>;
  const Entry* best_for(const std::vector<Token>& tokens, int max) const {
    const Entry* best = nullptr;
    for (const Entry& entry : kept_) {
      const auto length = static_cast<int>(entry.first.size());
      if (length > max || common_prefix(entry.first, tokens) < length) continue;
      if (best == nullptr || entry.first.size() > best->first.size()) best = &entry;
    }
    return best;
  }

  FakeDevice& device_;
  bool on_disk_;
  std::map<std::vector<Token>, KvBytes> kept_;
};

void too_many(SchedulerRig& rig) {
  for (std::uint64_t i = 0; i < 4; ++i) rig.submit(ask_for(prompt_of(i, 300), 700));
  ASSERT_TRUE(rig.run());
  for (int i = 0; i < rig.count(); ++i) EXPECT_TRUE(rig.right(i)) << i;
}

TEST(SchedulerSwap, without_a_shelf_requests_give_way_and_nothing_moves) {
  FakeDevice device(64, 2048, true);
  SchedulerRig rig(options_of(2048), device, nullptr);
  too_many(rig);
  const SchedulerCounters& count = rig.scheduler().counters();
  EXPECT_GT(count.preemptions, 0u);
  EXPECT_EQ(count.swaps_out + count.swaps_in_ram + count.swaps_in_disk, 0u);
  EXPECT_EQ(count.swap_out_bytes + count.swap_in_bytes, 0u);
}

TEST(SchedulerSwap, out_to_memory_and_back_from_where_it_lies) {
  for (const bool on_disk : {false, true}) {
    FakeDevice device(64, 2048, true);
    PlainShelf shelf(device, on_disk);
    SchedulerRig rig(options_of(2048), device, &shelf);
    too_many(rig);
    const SchedulerCounters& count = rig.scheduler().counters();
    EXPECT_EQ(count.swaps_out, count.preemptions);  // each has one choice
    EXPECT_EQ(on_disk ? count.swaps_in_disk : count.swaps_in_ram, count.swaps_out);
    EXPECT_EQ(on_disk ? count.swaps_in_ram : count.swaps_in_disk, 0u);
    EXPECT_GE(count.swap_out_bytes, count.swaps_out * sizeof(FakeDevice::Cell));
    EXPECT_GE(count.swap_in_bytes, count.swap_out_bytes);
  }
}

TEST(SchedulerSwap, on_the_chunk_store_too) {
  Bench bench(options_of(2048), true);
  too_many(*bench.rig);
  EXPECT_EQ(bench.counters().swaps_out, bench.counters().preemptions);
  EXPECT_GT(bench.counters().swaps_in_ram, 0u);
  EXPECT_GT(bench.counters().swap_in_bytes, 0u);
}

TEST(SchedulerSwap, a_request_gives_way_once_with_all_its_choices) {
  FakeDevice device(64, 2048, true);
  PlainShelf shelf(device, false);
  SchedulerRig rig(options_of(2048), device, &shelf);
  Ask low = ask_for(prompt_of(1, 300), 150);
  low.priority = 2;
  low.n = 3;
  rig.submit(low);
  for (int i = 0; i < 20; ++i) rig.step();
  Ask urgent = ask_for(prompt_of(2, 1700), 20);
  urgent.priority = 0;
  rig.submit(urgent);
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.right(0) && rig.right(1));
  EXPECT_EQ(rig.scheduler().counters().preemptions, 1u);
  EXPECT_EQ(rig.scheduler().counters().swaps_out, 3u);
  EXPECT_EQ(rig.scheduler().counters().swaps_in_ram, 3u);
}

// A finished answer that makes room for another is no swap, though the shelf takes a copy of it.
TEST(SchedulerSwap, what_nobody_uses_any_more_does_not_count) {
  FakeDevice device(64, 1024, true);
  PlainShelf shelf(device, false);
  SchedulerRig rig(options_of(1024), device, &shelf);
  for (std::uint64_t i = 0; i < 3; ++i) {
    rig.submit(ask_for(prompt_of(i, 800)));
    ASSERT_TRUE(rig.run());
  }
  EXPECT_EQ(rig.scheduler().counters().swaps_out, 0u);
  EXPECT_EQ(rig.scheduler().counters().swap_out_bytes, 0u);
}

}  // namespace
}  // namespace xc::engine

#include "fleet/shortcuts.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace xc::fleet {
namespace {

using std::chrono::seconds;

constexpr SteadyTime kStart{std::chrono::hours(1)};

std::shared_ptr<ReadyWorker> make_worker(int* woken = nullptr) {
  auto worker = std::make_shared<ReadyWorker>();
  worker->usage = std::make_shared<Usage>();
  worker->usage->wake = [woken] {
    if (woken != nullptr) ++*woken;
  };
  return worker;
}

TEST(Shortcuts, lead_to_the_worker_and_count_the_use) {
  Shortcuts shortcuts(seconds(1));
  const auto worker = make_worker();
  EXPECT_EQ(shortcuts.take("a", kStart).worker, nullptr);
  shortcuts.put("a", worker, kStart);
  EXPECT_EQ(shortcuts.take("a", kStart).worker, worker);
  EXPECT_EQ(shortcuts.take("b", kStart).worker, nullptr);
  EXPECT_EQ(worker->usage->in_flight(), 1);
}

TEST(Shortcuts, an_old_one_is_looked_up_again_by_one_caller_who_does_not_wait) {
  Shortcuts shortcuts(seconds(1));
  const auto worker = make_worker();
  shortcuts.put("a", worker, kStart);
  EXPECT_FALSE(shortcuts.take("a", kStart).look_again);
  const Shortcuts::Found first = shortcuts.take("a", kStart + seconds(1));
  EXPECT_EQ(first.worker, worker);
  EXPECT_TRUE(first.look_again);
  EXPECT_FALSE(shortcuts.take("a", kStart + seconds(1)).look_again);
  EXPECT_TRUE(shortcuts.take("a", kStart + seconds(2)).look_again);
  shortcuts.forget("a");
  EXPECT_EQ(shortcuts.take("a", kStart + seconds(2)).worker, nullptr);
}

TEST(Shortcuts, a_far_too_old_one_sends_one_caller_the_long_way) {
  Shortcuts shortcuts(seconds(1));
  shortcuts.put("a", make_worker(), kStart);
  EXPECT_EQ(shortcuts.take("a", kStart + seconds(60)).worker, nullptr);
  EXPECT_NE(shortcuts.take("a", kStart + seconds(60)).worker, nullptr);
  Shortcuts always(seconds(0));
  always.put("a", make_worker(), kStart);
  EXPECT_EQ(always.take("a", kStart).worker, nullptr);
}

TEST(Shortcuts, a_closed_worker_is_forgotten) {
  Shortcuts shortcuts(seconds(1));
  const auto worker = make_worker();
  shortcuts.put("a", worker, kStart);
  worker->usage->close();
  EXPECT_EQ(shortcuts.take("a", kStart).worker, nullptr);
  EXPECT_EQ(worker->usage->in_flight(), 0);
  EXPECT_EQ(worker.use_count(), 1);
}

TEST(Usage, is_closed_only_when_idle_or_told) {
  Usage usage;
  usage.wake = [] {};
  ASSERT_TRUE(usage.try_take());
  EXPECT_FALSE(usage.close_if_idle());
  usage.give_back();
  EXPECT_TRUE(usage.close_if_idle());
  EXPECT_FALSE(usage.try_take());
  EXPECT_EQ(usage.in_flight(), 0);
}

TEST(Usage, wakes_when_somebody_waits_for_the_last_one_to_leave) {
  int woken = 0;
  Usage usage;
  usage.wake = [&] { ++woken; };
  ASSERT_TRUE(usage.try_take());
  usage.give_back();
  EXPECT_EQ(woken, 0);  // nobody asked
  ASSERT_TRUE(usage.try_take());
  ASSERT_TRUE(usage.try_take());
  usage.announce_idle();
  usage.give_back();
  EXPECT_EQ(woken, 0);  // not the last
  usage.give_back();
  EXPECT_EQ(woken, 1);
  ASSERT_TRUE(usage.try_take());
  usage.close();
  usage.give_back();
  EXPECT_EQ(woken, 2);  // it drains
}

// Takers against one who wants to end an idle worker: never both.
TEST(Usage, nobody_has_a_worker_that_was_found_idle) {
  for (int round = 0; round < 200; ++round) {
    Usage usage;
    usage.wake = [] {};
    std::atomic<bool> ended{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> takers;
    for (int i = 0; i < 2; ++i) {
      takers.emplace_back([&] {
        while (usage.try_take()) {
          if (ended) ++wrong;
          usage.give_back();
        }
      });
    }
    while (!usage.close_if_idle()) std::this_thread::yield();
    ended = true;
    for (std::thread& taker : takers) taker.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(usage.in_flight(), 0);
  }
}

}  // namespace
}  // namespace xc::fleet

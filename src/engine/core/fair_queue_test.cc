#include "engine/core/fair_queue.h"

#include <gtest/gtest.h>

#include <map>

namespace xc::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const SteadyTime kStart = SteadyTime{} + std::chrono::hours(1);

// Pushes and pops in short words; ids count from 1.
struct Bench {
  FairQueue queue;
  std::uint64_t last = 0;
  std::map<std::uint64_t, std::string> who;

  explicit Bench(FairQueueOptions options = {}) : queue(options) {}
  std::uint64_t push(const std::string& tenant, int prompt, int answer = 0, int priority = 1,
                     const std::string& key = "k") {
    FairRequest request{++last, priority, tenant, key, prompt, answer};
    EXPECT_TRUE(queue.push(request, kStart, 100).has_value());
    who[last] = tenant + (key == "k" ? "" : "/" + key);
    return last;
  }
  std::uint64_t pop() {
    const auto id = queue.peek_next();
    if (!id) return 0;
    EXPECT_TRUE(queue.pop(*id));
    return *id;
  }
  std::string pop_all() {
    std::string order;
    while (const std::uint64_t id = pop()) order += who[id] + ' ';
    return order;
  }
};

TEST(FairQueue, one_caller_is_served_in_order_of_arrival) {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.push("a", 1000 + i);
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(bench.pop(), i);
  EXPECT_EQ(bench.pop(), 0u);
}

TEST(FairQueue, a_burst_of_one_tenant_does_not_hold_up_another) {
  Bench bench;
  for (int i = 0; i < 64; ++i) bench.push("a", 2000);
  for (int i = 0; i < 16; ++i) bench.pop();
  const auto b = bench.push("b", 2000);  // as long as the others: no lane for short ones helps
  EXPECT_EQ(bench.pop(), b);
  EXPECT_EQ(bench.who[bench.pop()], "a");
}

TEST(FairQueue, keys_share_what_their_tenant_gets) {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.push("a", 1000, 0, 1, "x");
  for (int i = 0; i < 3; ++i) bench.push("a", 1000, 0, 1, "y");
  for (int i = 0; i < 3; ++i) bench.push("b", 1000, 0, 1, "z");
  EXPECT_EQ(bench.pop_all(), "a/x b/z a/y b/z a/x b/z a/y a/x a/y ");
}

TEST(FairQueue, what_was_cached_raises_no_floor_for_others) {
  Bench bench;
  for (int i = 0; i < 32; ++i) bench.push("a", 1000);
  for (int i = 0; i < 20; ++i) bench.queue.forgive(bench.pop(), 900);  // 2,000 really
  const auto first = bench.push("b", 1000);
  EXPECT_EQ(bench.pop(), first);
  for (int i = 0; i < 3; ++i) bench.push("b", 1000);
  int b = 0;
  for (int i = 0; i < 4; ++i) b += bench.who[bench.pop()] == "b" ? 1 : 0;
  EXPECT_GE(b, 1);
  EXPECT_LE(b, 3);
}

TEST(FairQueue, who_may_go_past_one_that_cannot_start) {
  Bench bench;
  bench.push("a", 4000);
  EXPECT_FALSE(bench.queue.peek_past(1));
  const auto quick = bench.push("b", 100);
  EXPECT_EQ(bench.queue.peek_past(1), quick);
  const auto urgent = bench.push("c", 4000, 0, 0);
  EXPECT_EQ(bench.queue.peek_past(1), urgent);
  EXPECT_EQ(bench.queue.peek_past(0), quick);
}

TEST(FairQueue, idling_earns_nothing) {
  Bench bench;
  bench.push("b", 1000);
  bench.push("a", 1000);
  bench.pop_all();
  for (int i = 0; i < 50; ++i) bench.push("a", 1000);
  for (int i = 0; i < 20; ++i) bench.pop();
  for (int i = 0; i < 10; ++i) bench.push("b", 1000);  // was idle for 20,000 tokens
  int b = 0;
  for (int i = 0; i < 10; ++i) b += bench.who[bench.pop()] == "b" ? 1 : 0;
  EXPECT_GE(b, 5);
  EXPECT_LE(b, 6);
}

TEST(FairQueue, what_was_really_served_counts) {
  Bench bench;
  const auto a = bench.push("a", 1000, 100);
  const auto b = bench.push("b", 1000, 100);
  bench.push("a", 1000);
  bench.push("b", 1000);
  bench.pop();
  bench.pop();
  bench.queue.charge(a, 1000, 2000);  // far more than expected
  bench.queue.charge(b, 1000, 10);
  EXPECT_TRUE(bench.queue.remove(b));  // and b gets the rest back
  EXPECT_EQ(bench.pop_all(), "b a ");
}

TEST(FairQueue, short_requests_overtake_but_only_so_far) {
  FairQueueOptions options;
  options.short_max = 100;
  options.short_burst = 250;
  Bench bench(options);
  const auto running = bench.push("a", 5000);
  bench.pop();
  const auto long_one = bench.push("a", 5000);
  std::vector<std::uint64_t> quick;
  for (int i = 0; i < 6; ++i) quick.push_back(bench.push("a", 100));
  EXPECT_EQ(bench.pop(), quick[0]);
  EXPECT_EQ(bench.pop(), quick[1]);
  EXPECT_EQ(bench.pop(), quick[2]);  // 300 tokens went past it
  EXPECT_EQ(bench.pop(), long_one);
  EXPECT_EQ(bench.pop(), quick[3]);
  EXPECT_TRUE(bench.queue.remove(running));
}

TEST(FairQueue, the_lane_for_short_ones_gives_no_larger_share) {
  FairQueueOptions options;
  options.waiting_max = options.tenant_waiting_max = 10'000;
  Bench bench(options);
  for (int i = 0; i < 2000; ++i) bench.push("quick", 100);
  for (int i = 0; i < 100; ++i) bench.push("slow", 2000);
  double quick = 0;
  double slow = 0;
  while (slow < 100'000) {
    const std::string& who = bench.who[bench.pop()];
    (who == "quick" ? quick : slow) += who == "quick" ? 100 : 2000;
  }
  EXPECT_NEAR(quick / slow, 1, 0.05);
}

TEST(FairQueue, classes_go_first_but_lower_ones_advance) {
  FairQueueOptions options;
  options.class_age = {0, 4000, 10'000};
  Bench bench(options);
  for (int i = 0; i < 30; ++i) bench.push("a", 1000, 0, 0);
  const auto normal = bench.push("b", 1000, 0, 1);
  const auto background = bench.push("c", 1000, 0, 2);
  EXPECT_EQ(bench.queue.depth(0, kStart).waiting, 30);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(bench.who[bench.pop()], "a");
  EXPECT_EQ(bench.pop(), normal);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bench.who[bench.pop()], "a");
  EXPECT_EQ(bench.pop(), background);
  EXPECT_EQ(bench.who[bench.pop()], "a");
}

TEST(FairQueue, bounds_and_the_truth_about_when_to_come_back) {
  FairQueueOptions options;
  options.waiting_max = 6;
  options.tenant_waiting_max = 4;
  Bench bench(options);
  for (int i = 0; i < 4; ++i) bench.push("a", 1000);
  bench.push("b", 3000);
  FairRequest request{100, 1, "a", "k", 1000, 0};
  auto refused = bench.queue.push(request, kStart, 100);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::RateLimited);
  EXPECT_EQ(refused.error().message, Message::QueueFull);
  EXPECT_EQ(refused.error().args.front(), "4");
  EXPECT_EQ(refused.error().retry_after_s,
            70);  // 4,000 of its own and 3,000 of b's at 100 a second
  EXPECT_FALSE(bench.queue.knows(100));
  bench.push("c", 100, 0, 0);
  request.tenant = "d";
  refused = bench.queue.push(request, kStart, 100);  // full in all
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().args.front(), "6");
  EXPECT_EQ(refused.error().retry_after_s, 21);  // c's 100, and 1,000 each of a's and b's
  EXPECT_EQ(bench.queue.push(request, kStart, 0).error().retry_after_s, 1);    // pace unknown
  EXPECT_EQ(bench.queue.push(request, kStart, 1e9).error().retry_after_s, 1);  // at least a second
  EXPECT_EQ(bench.queue.push(request, kStart, 1e-9).error().retry_after_s, 3600);
  bench.pop();
  EXPECT_TRUE(bench.queue.push(request, kStart, 100).has_value());
}

TEST(FairQueue, every_request_leaves_once) {
  Bench bench;
  const auto a = bench.push("a", 100);
  const auto b = bench.push("b", 100);
  EXPECT_FALSE(bench.queue.put_back(a, 100, 0));  // it does not run
  EXPECT_TRUE(bench.queue.pop(a));
  EXPECT_FALSE(bench.queue.pop(a));
  EXPECT_EQ(bench.queue.running(), 1u);
  EXPECT_TRUE(bench.queue.remove(a));
  EXPECT_FALSE(bench.queue.remove(a));
  EXPECT_FALSE(bench.queue.pop(a));
  EXPECT_TRUE(bench.queue.remove(b));  // cancelled while it waits
  EXPECT_FALSE(bench.queue.peek_next().has_value());
  EXPECT_EQ(bench.queue.waiting(), 0u);
  bench.queue.charge(a, 10, 10);  // late; ignored
}

TEST(FairQueue, deadlines_end_waiting_requests_only) {
  FairQueue queue;
  const auto push = [&](std::uint64_t id, milliseconds in) {
    FairRequest request{id, 1, "a", "k", 1000, 0, Deadline::at(kStart + in)};
    ASSERT_TRUE(queue.push(request, kStart, 1).has_value());
  };
  push(1, milliseconds(50));
  push(2, milliseconds(200));
  push(3, milliseconds(100));
  push(4, milliseconds(100));
  ASSERT_TRUE(queue.pop(1));
  EXPECT_TRUE(queue.expire(kStart + milliseconds(99)).empty());
  EXPECT_EQ(queue.expire(kStart + milliseconds(100)), (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(queue.expire(kStart + seconds(9)), (std::vector<std::uint64_t>{2}));
  EXPECT_TRUE(queue.expire(kStart + seconds(10)).empty());
  EXPECT_TRUE(queue.put_back(1, 500, 0));
  EXPECT_EQ(queue.expire(kStart + seconds(11)), (std::vector<std::uint64_t>{1}));
}

TEST(FairQueue, a_preempted_request_keeps_its_place) {
  FairQueueOptions options;
  options.tenant_waiting_max = 3;
  Bench bench(options);
  const auto first = bench.push("a", 1000);
  const auto second = bench.push("a", 1000);
  const auto third = bench.push("a", 1000);
  EXPECT_EQ(bench.pop(), first);
  EXPECT_EQ(bench.pop(), second);
  bench.push("a", 1000);
  bench.push("a", 1000);
  EXPECT_TRUE(bench.queue.put_back(first, 0, 10));  // above the bound of three
  EXPECT_TRUE(bench.queue.put_back(second, 1000, 0));
  EXPECT_EQ(bench.queue.waiting(), 5u);
  EXPECT_EQ(bench.pop(), first);
  EXPECT_EQ(bench.pop(), second);
  EXPECT_EQ(bench.pop(), third);
}

TEST(FairQueue, prompts_of_running_requests_go_by_class_then_by_share) {
  FairQueueOptions options;
  options.class_age = {0, 4000, 4000};
  Bench bench(options);
  const auto a1 = bench.push("a", 3000);
  const auto a2 = bench.push("a", 3000);
  const auto b = bench.push("b", 4000);
  const auto urgent = bench.push("a", 9000, 0, 0);
  const auto background = bench.push("c", 10, 0, 2);
  while (bench.pop() != 0) {
  }
  const auto before = [&](auto x, auto y) { return bench.queue.before(x, y); };
  EXPECT_TRUE(before(urgent, a1));
  EXPECT_TRUE(before(b, a1));  // 4,000 against 6,000
  EXPECT_TRUE(before(a1, a2));
  EXPECT_FALSE(before(a2, a1));
  EXPECT_TRUE(before(a2, background));
  EXPECT_FALSE(before(a1, a1));
  EXPECT_FALSE(before(a1, 999));
  bench.queue.charge(b, 4000, 0);
  EXPECT_TRUE(before(background, a1));  // 4,000 prompt tokens of higher classes: its turn
  EXPECT_FALSE(before(background, urgent) && before(urgent, background));
  bench.queue.charge(background, 10, 0);
  EXPECT_TRUE(before(a1, background));
}

TEST(FairQueue, depth_tells_what_waits_and_how_long) {
  Bench bench;
  bench.push("a", 100, 50, 1);
  bench.push("b", 100, 0, 7);  // clamped to the last class
  const auto depth = bench.queue.depth(1, kStart + seconds(3));
  EXPECT_EQ(depth.waiting, 1);
  EXPECT_DOUBLE_EQ(depth.tokens, 200);
  EXPECT_EQ(depth.oldest_wait, Duration(seconds(3)));
  EXPECT_EQ(bench.queue.depth(2, kStart).waiting, 1);
  EXPECT_EQ(bench.queue.depth(0, kStart).oldest_wait, Duration(0));
  bench.pop_all();
  EXPECT_EQ(bench.queue.depth(1, kStart + seconds(9)).oldest_wait, Duration(0));
}

TEST(FairQueue, memory_of_idle_tenants_is_bounded_and_ends_with_the_work) {
  FairLevel<FairFlow> level;
  FairFlow& busy = level.at("busy", 8);
  level.join(busy);
  level.add_waiting(busy, false);
  for (int i = 0; i < 1000; ++i) {
    FairFlow& flow = level.at(std::to_string(i), 8);
    level.join(flow);
    flow.served += 10 + i;
    level.leave(flow);
    EXPECT_LE(level.flows().size(), 8u);
  }
  level.drop_waiting(busy, false);
  level.leave(busy);
  EXPECT_TRUE(level.flows().empty());
}

}  // namespace
}  // namespace xc::engine

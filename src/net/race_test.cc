#include "net/race.h"

#include <gtest/gtest.h>

#include "net/net_test.h"
#include "net/runtime.h"

namespace xc::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Task<void> note_after(Duration pause, std::shared_ptr<std::string> notes, char name) {
  Task<void> wait = sleep_for(pause);
  co_await std::move(wait);
  *notes += name;
}

TEST(Race, the_first_ends_the_second) {
  Loops loops;
  const auto notes = std::make_shared<std::string>();
  loops.run([notes]() -> Task<void> {
    return run_both([notes] { return note_after(milliseconds(1), notes, 'a'); },
                    [notes] { return note_after(seconds(60), notes, 'b'); },
                    [notes] { return !notes->empty(); });
  });
  EXPECT_EQ(*notes, "a");
}

TEST(Race, an_end_that_decides_nothing_lets_the_other_go_on) {
  Loops loops;
  const auto notes = std::make_shared<std::string>();
  loops.run([notes]() -> Task<void> {
    return run_both([notes] { return note_after(milliseconds(20), notes, 'a'); },
                    [notes] { return note_after(milliseconds(1), notes, 'b'); },
                    [notes] { return notes->ends_with('a'); });
  });
  EXPECT_EQ(*notes, "ba");
}

TEST(Race, a_cancelled_caller_ends_both_and_waits_for_them) {
  Loops loops;
  TaskGroup group("test");
  const auto notes = std::make_shared<std::string>();
  const auto left = std::make_shared<std::atomic<int>>(0);
  const auto runner = [left]() -> Task<void> {
    struct Guard {
      std::shared_ptr<std::atomic<int>> count;
      ~Guard() { ++*count; }
    } guard{left};
    Task<void> wait = sleep_for(seconds(60));
    co_await std::move(wait);
  };
  const auto seen = std::make_shared<std::atomic<int>>(-1);
  group.spawn(loops.runtime.executor(0), [=]() -> Task<void> {
    try {
      Task<void> both = run_both(runner, runner, [] { return false; });
      co_await std::move(both);
    } catch (const std::exception&) {
      *seen = left->load();
      throw;
    }
  });
  const bool ended = loops.run([&]() -> Task<bool> {
    Task<void> pause = sleep_for(milliseconds(10));
    co_await std::move(pause);
    const Deadline soon = Deadline::after(seconds(10));
    Task<bool> join = group.join(soon);
    const bool joined = co_await std::move(join);
    co_return joined;
  });
  EXPECT_TRUE(ended);
  EXPECT_EQ(*seen, 2);
}

TEST(Race, what_escapes_is_thrown_on) {
  Loops loops;
  const auto fails = []() -> Task<void> {
    throw std::runtime_error("bug");
    co_return;
  };
  const auto fine = []() -> Task<void> { co_return; };
  EXPECT_THROW(
      loops.run([&]() -> Task<void> { return run_both(fails, fine, [] { return false; }); }),
      std::runtime_error);
}

}  // namespace
}  // namespace xc::net

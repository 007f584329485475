// Workers that do not start, that die, and callers that leave.
#include <signal.h>

#include "fleet/fleet_test.h"

namespace xc::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string reason_of(const Result<Lease>& refused) {
  EXPECT_FALSE(refused);
  if (refused) return {};
  EXPECT_EQ(refused.error().message, Message::ModelFailed);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  return refused.error().args.size() == 2 ? refused.error().args[1] : "";
}

TEST_F(FleetTest, a_worker_that_exits_early_gives_its_reason) {
  open();
  catalogue_.put(spec("a", {"--exit-early", "张量 blk.0 损坏"}));
  EXPECT_EQ(reason_of(acquire("a")), "张量 blk.0 损坏");
}

TEST_F(FleetTest, a_program_that_is_not_there_gives_the_reason) {
  options_.program = file("absent");
  open();
  catalogue_.put(spec("a"));
  EXPECT_NE(reason_of(acquire("a")).find("No such file"), std::string::npos);
}

TEST_F(FleetTest, a_worker_that_never_answers_is_killed_after_the_start_time_out) {
  options_.start_timeout = milliseconds(60);
  open();
  catalogue_.put(spec("a", {"--hang", "--note", file("starts")}));
  EXPECT_EQ(reason_of(acquire("a")), "not ready within 0.06 s");
  EXPECT_LE(lines_of("starts"), 1);  // one try a request; it may have been killed before its note
  EXPECT_TRUE(net::eventually([&] { return status_of("a").pid == 0; }));
}

TEST_F(FleetTest, repeated_failures_open_the_circuit_and_one_good_try_closes_it) {
  options_.restarts_max = 2;
  options_.circuit_retry = seconds(2);
  open();
  catalogue_.put(spec("a", {"--fail-until", file("repaired"), "--note", file("starts")}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reason_of(acquire("a")), "not yet");
  ASSERT_TRUE(becomes("a", State::Failed));
  EXPECT_EQ(status_of("a").reason, "not yet");
  EXPECT_EQ(lines_of("starts"), 3);
  const auto refused = acquire("a");  // at once: nothing is started
  EXPECT_EQ(reason_of(refused), "not yet");
  EXPECT_GT(refused.error().retry_after_s, 0);
  EXPECT_EQ(lines_of("starts"), 3);
  touch("repaired");
  ASSERT_TRUE(net::eventually([&] { return acquire("a").has_value(); }));  // half open
  EXPECT_EQ(status_of("a").state, State::Ready);
  EXPECT_EQ(lines_of("starts"), 4);
  EXPECT_EQ(status_of("a").restarts, 3);
}

TEST_F(FleetTest, a_restart_closes_the_circuit_at_once) {
  options_.restarts_max = 2;
  options_.circuit_retry = std::chrono::hours(1);
  open();
  catalogue_.put(spec("a", {"--fail-until", file("repaired")}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reason_of(acquire("a")), "not yet");
  ASSERT_TRUE(becomes("a", State::Failed));
  touch("repaired");
  EXPECT_EQ(reason_of(acquire("a")), "not yet");  // an hour long
  ASSERT_TRUE(restart("a"));
  EXPECT_EQ(status_of("a").state, State::Ready);
}

TEST_F(FleetTest, a_failed_half_open_try_opens_again) {
  options_.restarts_max = 0;
  options_.circuit_retry = milliseconds(50);
  open();
  catalogue_.put(spec("a", {"--exit-early", "still broken", "--note", file("starts")}));
  ASSERT_TRUE(net::eventually([&] {
    EXPECT_EQ(reason_of(acquire("a")), "still broken");
    return lines_of("starts") >= 3;
  }));
  EXPECT_EQ(status_of("a").state, State::Failed);
}

TEST_F(FleetTest, a_killed_worker_is_replaced_by_the_next_request_and_only_then) {
  open();
  catalogue_.put(spec("a", {"--note", file("starts")}));
  auto lease = acquire("a");
  ASSERT_TRUE(lease);
  const int before = status_of("a").pid;
  ::kill(before, SIGKILL);
  ASSERT_TRUE(net::eventually([&] { return status_of("a").pid == 0; }));
  EXPECT_EQ(lines_of("starts"), 1);
  const auto again = acquire("a");
  ASSERT_TRUE(again) << text_of(again.error(), Language::En);
  EXPECT_NE(again->origin().unix_path, lease->origin().unix_path);
  EXPECT_EQ(status_of("a").restarts, 1);
  EXPECT_EQ(status_of("a").in_flight, 1);  // the lease on the dead one does not count
  lease = fail_internal("dropped");
  EXPECT_EQ(status_of("a").in_flight, 1);
}

TEST_F(FleetTest, a_crash_loop_opens_the_circuit_with_the_reason) {
  options_.restarts_max = 1;
  open();
  catalogue_.put(spec("a"));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(acquire("a"));
    const int pid = status_of("a").pid;
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(net::eventually([&] { return status_of("a").state != State::Ready; }));
  }
  ASSERT_TRUE(becomes("a", State::Failed));
  EXPECT_EQ(reason_of(acquire("a")), "killed by signal 9 (Killed), perhaps for lack of memory");
  EXPECT_EQ(status_of("a").reason, "killed by signal 9 (Killed), perhaps for lack of memory");
}

TEST_F(FleetTest, a_worker_that_exits_by_itself_is_noticed_while_idle) {
  open();
  catalogue_.put(spec("a", {"--die-when", file("now")}));
  ASSERT_TRUE(acquire("a"));
  touch("now");
  ASSERT_TRUE(net::eventually([&] { return status_of("a").pid == 0; }));
  EXPECT_NE(status_of("a").state, State::Ready);
}

TEST_F(FleetTest, a_caller_that_leaves_does_not_kill_the_load_of_others) {
  open();
  catalogue_.put(spec("slow", {"--hang", "--note", file("starts")}));
  net::TaskGroup leaver("leaver");
  std::atomic<bool> asked{false};
  leaver.spawn(loops_.runtime.executor(1), [&]() -> Task<void> {
    asked = true;
    Task<Result<Lease>> wait = fleet_->acquire("slow", Deadline::after(seconds(20)));
    co_await std::move(wait);
  });
  auto stayer = acquire_later("slow", seconds(20));
  ASSERT_TRUE(net::eventually([&] { return status_of("slow").pid > 0; }));
  leaver.cancel();
  ASSERT_TRUE(net::eventually([&] { return leaver.size() == 0; }));
  EXPECT_EQ(stayer.wait_for(milliseconds(20)), std::future_status::timeout);
  EXPECT_EQ(status_of("slow").state, State::Loading);
  EXPECT_TRUE(net::eventually([&] { return lines_of("starts") == 1; }));
  EXPECT_TRUE(stop("slow", milliseconds(500)));
  EXPECT_EQ(reason_of(stayer.get()), "stopped by an operator");
}

TEST_F(FleetTest, each_caller_has_its_own_deadline) {
  open();
  catalogue_.put(spec("slow", {"--hang"}));
  auto patient = acquire_later("slow", seconds(20));
  ASSERT_TRUE(net::eventually([&] { return status_of("slow").pid > 0; }));
  const auto hurried = acquire("slow", milliseconds(30));
  ASSERT_FALSE(hurried);
  EXPECT_EQ(hurried.error().code, Code::Timeout);
  EXPECT_EQ(patient.wait_for(milliseconds(0)), std::future_status::timeout);
  close(milliseconds(100));
  EXPECT_EQ(patient.get().error().message, Message::ShuttingDown);
}

TEST_F(FleetTest, two_models_fail_and_serve_independently) {
  open();
  catalogue_.put(spec("good"));
  catalogue_.put(spec("bad", {"--exit-early", "no"}));
  auto good = acquire_later("good", seconds(20));
  EXPECT_EQ(reason_of(acquire("bad")), "no");
  EXPECT_TRUE(good.get());
}

TEST_F(FleetTest, a_resolver_that_throws_is_an_internal_error) {
  fleet_ = std::make_unique<Fleet>(
      loops_.runtime, blocking_, client_, options_,
      [](std::string_view) -> Result<ModelSpec> { throw std::runtime_error("disk on fire"); },
      [] { return std::uint64_t{0}; });
  const auto refused = acquire("a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Internal);
}

}  // namespace
}  // namespace xc::fleet

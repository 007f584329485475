// Workers that are replaced on purpose.
#include "fleet/fleet_test.h"

namespace xc::fleet {
namespace {

using std::chrono::seconds;

TEST_F(FleetTest, restart_replaces_an_idle_worker) {
  open();
  catalogue_.put(spec("a", {"--note", file("starts"), "--handover", file("told")}));
  EXPECT_EQ(restart("a").error().message, Message::NoModel);  // none runs
  ASSERT_TRUE(acquire("a"));
  const int before = status_of("a").pid;
  ASSERT_TRUE(restart("a"));
  EXPECT_EQ(status_of("a").state, State::Ready);
  EXPECT_NE(status_of("a").pid, before);
  EXPECT_EQ(status_of("a").restarts, 0);  // those are the unasked ones
  EXPECT_EQ(lines_of("starts"), 2);
  EXPECT_EQ(lines_of("told"), 1);
}

TEST_F(FleetTest, restart_does_not_wait_for_leases_to_end) {
  open();
  catalogue_.put(spec("a", {"--note", file("starts"), "--handover", file("told")}));
  const auto slow = acquire("a");  // its owner reads slowly
  ASSERT_TRUE(slow);
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(restart("a"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, options_.drain_timeout / 2);
  EXPECT_EQ(lines_of("told"), 1);
  EXPECT_EQ(lines_of("starts"), 2);
}

TEST_F(FleetTest, a_worker_that_cannot_hand_over_is_drained) {
  open();
  catalogue_.put(spec("a", {"--note", file("starts")}));
  auto lease = std::make_unique<Result<Lease>>(acquire("a"));
  ASSERT_TRUE(*lease);
  std::future<Status> restarted = std::async(std::launch::async, [this] { return restart("a"); });
  ASSERT_TRUE(becomes("a", State::Draining));
  EXPECT_EQ(lines_of("starts"), 1);
  lease.reset();
  EXPECT_TRUE(restarted.get());
  EXPECT_EQ(lines_of("starts"), 2);
}

TEST_F(FleetTest, other_settings_hand_over_other_weights_do_not) {
  open();
  catalogue_.put(spec("a", {"--handover", file("told")}));
  ASSERT_TRUE(acquire("a"));
  catalogue_.put(spec("a", {"--handover", file("told"), "--note", file("starts")}));
  ASSERT_TRUE(acquire("a"));
  EXPECT_EQ(lines_of("told"), 1);
  EXPECT_EQ(lines_of("starts"), 1);
  ModelSpec other = spec("a", {"--handover", file("told")});
  other.sha256 = "two";
  catalogue_.put(other);
  ASSERT_TRUE(acquire("a"));
  EXPECT_EQ(lines_of("told"), 1);
}

TEST_F(FleetTest, whoever_asks_during_a_restart_waits_for_the_new_worker) {
  open();
  catalogue_.put(spec("a", {"--note", file("starts"), "--handover", file("told")}));
  ASSERT_TRUE(acquire("a"));
  std::future<Status> restarted = std::async(std::launch::async, [this] { return restart("a"); });
  std::vector<std::future<Result<Lease>>> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(acquire_later("a", seconds(20)));
  for (auto& one : waiting) EXPECT_TRUE(one.get());
  EXPECT_TRUE(restarted.get());
  EXPECT_EQ(lines_of("starts"), 2);
}

}  // namespace
}  // namespace xc::fleet

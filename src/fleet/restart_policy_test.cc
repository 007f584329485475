#include "fleet/restart_policy.h"

#include <gtest/gtest.h>

namespace xc::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = RestartPolicy::Verdict;

class RestartPolicyTest : public testing::Test {
 protected:
  Duration wait() const { return policy_.decide().until - clock_.now(); }
  Verdict verdict() const { return policy_.decide().verdict; }
  void fail_when_allowed() {
    if (verdict() != Verdict::Start) clock_.advance(wait());
    policy_.failed();
  }
  ManualClock clock_;
  RestartPolicy policy_{{3, seconds(120), milliseconds(200), seconds(1), seconds(60)}, clock_};
};

TEST_F(RestartPolicyTest, a_fresh_model_starts) { EXPECT_EQ(verdict(), Verdict::Start); }

TEST_F(RestartPolicyTest, the_pause_doubles_up_to_its_bound) {
  RestartPolicy policy({9, seconds(120), milliseconds(200), seconds(1), seconds(60)}, clock_);
  for (const int expected_ms : {200, 400, 800, 1000, 1000}) {
    policy.failed();
    const auto decision = policy.decide();
    EXPECT_EQ(decision.verdict, Verdict::BackOff);
    EXPECT_EQ(decision.until - clock_.now(), milliseconds(expected_ms));
    clock_.advance(decision.until - clock_.now());
    EXPECT_EQ(policy.decide().verdict, Verdict::Start);
  }
}

TEST_F(RestartPolicyTest, one_failure_beyond_the_allowed_restarts_opens_the_circuit) {
  for (int i = 0; i < 3; ++i) fail_when_allowed();
  EXPECT_FALSE(policy_.open());
  fail_when_allowed();
  EXPECT_TRUE(policy_.open());
  EXPECT_EQ(verdict(), Verdict::Open);
  EXPECT_EQ(wait(), seconds(60));
}

TEST_F(RestartPolicyTest, failures_that_left_the_window_do_not_count) {
  for (int i = 0; i < 20; ++i) {
    clock_.advance(seconds(50));
    policy_.failed();
  }
  EXPECT_FALSE(policy_.open());
  EXPECT_EQ(policy_.failures(), 3);
  clock_.advance(seconds(500));
  EXPECT_EQ(policy_.failures(), 0);
  policy_.failed();
  EXPECT_EQ(wait(), milliseconds(200));
}

TEST_F(RestartPolicyTest, a_failed_half_open_try_opens_again_and_a_good_one_forgets) {
  for (int i = 0; i < 4; ++i) fail_when_allowed();
  clock_.advance(seconds(60));
  EXPECT_EQ(verdict(), Verdict::Start);
  policy_.failed();
  EXPECT_EQ(verdict(), Verdict::Open);
  clock_.advance(seconds(600));  // every failure has left the window; still only one try
  EXPECT_EQ(verdict(), Verdict::Start);
  policy_.failed();
  EXPECT_EQ(verdict(), Verdict::Open);
  clock_.advance(seconds(60));
  policy_.ready();
  EXPECT_FALSE(policy_.open());
  EXPECT_EQ(verdict(), Verdict::Start);
  policy_.failed();
  EXPECT_EQ(verdict(), Verdict::BackOff);
}

TEST_F(RestartPolicyTest, becoming_ready_does_not_excuse_a_crash_loop) {
  for (int i = 0; i < 4; ++i) {
    policy_.ready();
    fail_when_allowed();
  }
  EXPECT_TRUE(policy_.open());
}

TEST_F(RestartPolicyTest, no_restarts_means_the_first_failure_opens) {
  RestartPolicy policy({0, seconds(120), milliseconds(200), seconds(1), seconds(60)}, clock_);
  policy.failed();
  EXPECT_EQ(policy.decide().verdict, Verdict::Open);
}

}  // namespace
}  // namespace xc::fleet

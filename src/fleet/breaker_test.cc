#include "fleet/breaker.h"

#include <gtest/gtest.h>

namespace xc::fleet {
namespace {

using State = Breaker::State;

struct BreakerTest : testing::Test {
  void fail(int times) {
    for (int i = 0; i < times; ++i) {
      breaker.begin(clock.now());
      breaker.failed(clock.now());
    }
  }
  ManualClock clock;
  Breaker breaker;
};

TEST_F(BreakerTest, OpensAfterFailuresInARowAndTriesOnceLater) {
  fail(limits::kBreakerFailures - 1);
  EXPECT_TRUE(breaker.allows(clock.now()));
  fail(1);
  EXPECT_EQ(breaker.state(), State::Open);
  EXPECT_FALSE(breaker.allows(clock.now()));
  clock.advance(limits::kBreakerOpenFirst);
  EXPECT_TRUE(breaker.allows(clock.now()));
  breaker.begin(clock.now());
  EXPECT_FALSE(breaker.allows(clock.now()));  // one trial at a time
  breaker.answered();
  EXPECT_EQ(breaker.state(), State::Closed);
  breaker.succeeded();
  fail(limits::kBreakerFailures - 1);
  EXPECT_EQ(breaker.state(), State::Closed);
}

TEST_F(BreakerTest, ASuccessBetweenFailuresKeepsItClosedUnlessHalfFail) {
  for (int i = 0; i < 100; ++i) {
    fail(1);
    breaker.succeeded();
    breaker.succeeded();
  }
  EXPECT_EQ(breaker.state(), State::Closed);
  // Every other answer breaks off: never five in a row, and still it is broken.
  for (int i = 0; i < 20 && breaker.state() == State::Closed; ++i) {
    fail(1);
    if (breaker.state() == State::Closed) breaker.succeeded();
  }
  EXPECT_EQ(breaker.state(), State::Open);
}

TEST_F(BreakerTest, CallersNeverOpenIt) {
  for (int i = 0; i < 1'000; ++i) {
    breaker.begin(clock.now());
    breaker.left();
  }
  EXPECT_EQ(breaker.state(), State::Closed);
}

TEST_F(BreakerTest, ATrialThatACallerLeftIsTriedAgain) {
  fail(limits::kBreakerFailures);
  clock.advance(limits::kBreakerOpenFirst);
  breaker.begin(clock.now());
  breaker.left();
  EXPECT_TRUE(breaker.allows(clock.now()));
}

TEST_F(BreakerTest, ProbationAndDoublingPause) {
  fail(limits::kBreakerFailures);
  Duration pause = limits::kBreakerOpenFirst;
  for (int round = 0; round < 10; ++round) {
    clock.advance(pause);
    ASSERT_TRUE(breaker.allows(clock.now())) << round;
    breaker.begin(clock.now());
    breaker.answered();  // the first token came …
    fail(1);             // … and then the stream broke
    ASSERT_EQ(breaker.state(), State::Open) << round;
    pause = std::min<Duration>(2 * pause, limits::kBreakerOpenMax);
    EXPECT_FALSE(breaker.allows(clock.now() + pause - std::chrono::milliseconds(1)));
  }
}

TEST_F(BreakerTest, AProbeBringsTheTrialForward) {
  fail(limits::kBreakerFailures);
  breaker.probe_succeeded(clock.now());
  EXPECT_TRUE(breaker.allows(clock.now()));
  breaker.begin(clock.now());
  EXPECT_EQ(breaker.state(), State::Trial);
}

}  // namespace
}  // namespace xc::fleet

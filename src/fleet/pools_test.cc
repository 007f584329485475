#include "fleet/pools.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace xc::fleet {
namespace {

EndpointRow endpoint(std::string name, std::string pool) {
  EndpointRow row;
  row.url = "http://10.0.0.1:8000/" + name;
  row.name = std::move(name);
  row.pool = std::move(pool);
  return row;
}

struct PoolsTest : testing::Test {
  PoolsTest() {
    table.pools = {{"far", "us", "", Secrecy::Public, Policy::Least},
                   {"near", "cn", "", Secrecy::Confidential, Policy::Order}};
    table.endpoints = {endpoint("a", "near"), endpoint("b", "near"), endpoint("c", "far")};
    table.endpoints[1].rank = 1;
    table.routes = {{"m", "near", "m-near", 1}, {"m", "far", "m-far", 0}};
    put();
  }
  void put() {
    pools.use(table);
    // Past the warm-up, where one request at a time goes to a new endpoint.
    for (const EndpointRow& row : table.endpoints) warm(row.name);
  }
  void warm(const std::string& name) {
    PoolTable one = table;
    one.routes = {};
    for (const EndpointRow& row : table.endpoints) {
      if (row.name == name) one.routes = {{"warm", row.pool, "x", 1}};
    }
    pools.use(one);
    for (int i = 0; i < 8; ++i) {
      Course course;
      for (;;) {
        auto place = pools.next(course, wish("warm"));
        if (!place) break;
        place->use->end(Outcome::Done);
      }
    }
    pools.use(table);
  }
  void goes_on(std::string_view name) {
    EndpointRow& row = *std::ranges::find(table.endpoints, name, &EndpointRow::name);
    row.vendor = schema::Vendor::Vllm;
    row.continues = true;
  }
  // First tries that leave, so that second ones may be had again.
  void refill() {
    for (int i = 0; i < 60; ++i) {
      Course course;
      auto place = pools.next(course, wish());
    }
  }
  static Wish wish(std::string_view model = "m", std::string_view tenant = "t",
                   Secrecy secrecy = Secrecy::Public) {
    Wish made;
    made.model = model;
    made.tenant = tenant;
    made.secrecy = secrecy;
    made.tokens = 10;
    return made;
  }
  // Names of the endpoints that a request is given until it gets none; each ends so.
  std::string way(Outcome outcome, Wish wish) {
    Course course;
    std::string names;
    for (;;) {
      auto place = pools.next(course, wish);
      if (!place) {
        last = place.error();
        return names;
      }
      names += place->use ? place->use->row().name : "local";
      if (place->use) place->use->end(outcome);
    }
  }

  ManualClock clock;
  SeededRandom random{7};
  Pools pools{clock, random};
  PoolTable table;
  Error last;
};

TEST_F(PoolsTest, WithoutRowsEverythingIsLocal) {
  pools.use({});
  EXPECT_TRUE(pools.idle());
  EXPECT_EQ(way(Outcome::Done, wish("any", "t", Secrecy::Secret)), "local");
  pools.use(table);
  EXPECT_FALSE(pools.idle());
  EXPECT_EQ(way(Outcome::Done, wish("any")), "local");
  EXPECT_EQ(pools.models(), std::vector<std::string>{"m"});
}

TEST_F(PoolsTest, OnePoolAfterTheOtherAndNoEndpointTwice) {
  EXPECT_EQ(way(Outcome::Left, wish()), "abc");
  EXPECT_EQ(last.message, Message::NoEndpointReady);
  EXPECT_EQ(last.code, Code::Unavailable);
  EXPECT_GT(last.retry_after_s, 0);
}

TEST_F(PoolsTest, ClassAndRegionFailClosed) {
  Wish secret = wish();
  secret.secrecy = Secrecy::Confidential;
  EXPECT_EQ(way(Outcome::Left, secret), "ab");
  secret.secrecy = Secrecy::Secret;
  EXPECT_EQ(way(Outcome::Left, secret), "");
  EXPECT_EQ(last.message, Message::NotCleared);
  EXPECT_EQ(last.code, Code::Forbidden);
  // The tenant's own, whatever the request says; local is of no region until somebody says so.
  table.clearances = {{"t", Secrecy::Internal, "cn"}, {"u", Secrecy::Public, "cn"}};
  put();
  EXPECT_EQ(way(Outcome::Left, wish()), "ab");
  EXPECT_EQ(way(Outcome::Left, wish("else", "u")), "");
  table.pools.push_back({"local", "cn", "", Secrecy::Internal, Policy::Least});
  put();
  EXPECT_EQ(way(Outcome::Left, wish("else", "u")), "local");
  Wish scoped = wish();
  scoped.may_use = [](std::string_view pool) { return pool == "far"; };
  EXPECT_EQ(way(Outcome::Left, scoped), "");
}

TEST_F(PoolsTest, APoolWhoseRowIsGoneIsClearedForNothing) {
  table.pools.clear();
  put();
  Wish internal = wish();
  internal.secrecy = Secrecy::Internal;
  EXPECT_EQ(way(Outcome::Left, internal), "");
}

TEST_F(PoolsTest, FailuresOpenTheCircuitAndCallersDoNot) {
  for (int i = 0; i < 100; ++i) way(Outcome::Left, wish());
  EXPECT_EQ(pools.status()[0].breaker, Breaker::State::Closed);
  for (int i = 0; i < limits::kBreakerFailures; ++i) {
    Course course;
    auto place = pools.next(course, wish());
    ASSERT_TRUE(place);
    EXPECT_EQ(place->use->row().name, "a");
    place->use->end(Outcome::Failed);
  }
  EXPECT_EQ(pools.status()[0].breaker, Breaker::State::Open);
  refill();
  EXPECT_EQ(way(Outcome::Left, wish()), "bc");
  clock.advance(limits::kBreakerOpenFirst);
  EXPECT_EQ(way(Outcome::Done, wish()).front(), 'a');
}

TEST_F(PoolsTest, ABusyEndpointRestsAndIsNotBroken) {
  Course course;
  auto place = pools.next(course, wish());
  place->use->end(Outcome::Busy, 20);
  EXPECT_EQ(way(Outcome::Left, wish()), "bc");
  EXPECT_EQ(pools.status()[0].breaker, Breaker::State::Closed);
  clock.advance(std::chrono::seconds(20));
  EXPECT_EQ(way(Outcome::Left, wish()), "abc");
}

TEST_F(PoolsTest, PausedDrainingAndDownTakeNothingNew) {
  Course course;
  auto running = pools.next(course, wish());
  table.endpoints[0].state = EndpointState::Draining;
  pools.use(table);
  EXPECT_EQ(way(Outcome::Left, wish()), "bc");
  EXPECT_EQ(pools.status()[0].running, 1);  // what runs goes on, and is seen
  running = fail_internal("");
  EXPECT_EQ(pools.status()[0].running, 0);
  EXPECT_EQ(pools.status()[0].outstanding, 0);
  pools.probed("b", false);
  EXPECT_EQ(way(Outcome::Left, wish()), "bc");  // one lost probe
  pools.probed("b", false);
  EXPECT_EQ(way(Outcome::Left, wish()), "c");
  pools.probed("b", true);
  EXPECT_EQ(way(Outcome::Left, wish()), "bc");
  table.endpoints[1].state = EndpointState::Paused;
  pools.use(table);
  EXPECT_EQ(way(Outcome::Left, wish()), "c");
  EXPECT_EQ(pools.probes().size(), 2u);
}

TEST_F(PoolsTest, AResumedEndpointWarmsUpWithOneRequest) {
  table.endpoints[0].state = EndpointState::Paused;
  pools.use(table);
  table.endpoints[0].state = EndpointState::Active;
  pools.use(table);
  Course one, two;
  auto first = pools.next(one, wish());
  auto second = pools.next(two, wish());
  EXPECT_EQ(first->use->row().name, "a");
  EXPECT_EQ(second->use->row().name, "b");
  first->use->answered();
  EXPECT_EQ(way(Outcome::Left, wish()).front(), 'a');
}

// A pool that was just made, or a server that just started, under load: nothing is known to be
// wrong with its endpoints, so nobody is turned away while the first request warms them up.
TEST_F(PoolsTest, ABurstWhileEverythingWarmsUpIsServed) {
  pools.use({});
  pools.use(table);
  std::vector<Place> running;
  std::string names;
  for (int i = 0; i < 5; ++i) {
    Course course;
    auto place = pools.next(course, wish());
    ASSERT_TRUE(place) << i;
    names += place->use->row().name;
    running.push_back(std::move(*place));
  }
  EXPECT_EQ(names, "abcaa");  // each warms up with one; then the first of those that never failed
  // One that fails meanwhile is left out, and its requests find another place.
  running[0].use->end(Outcome::Failed);
  EXPECT_EQ(pools.status()[0].breaker, Breaker::State::Open);
  EXPECT_EQ(way(Outcome::Left, wish()), "bc");
}

// One that failed gets its single trial, and no second one while that runs.
TEST_F(PoolsTest, AnEndpointThatFailedIsNotPressed) {
  table.endpoints = {table.endpoints[0]};
  put();
  for (int i = 0; i < limits::kBreakerFailures; ++i) way(Outcome::Failed, wish());
  clock.advance(limits::kBreakerOpenFirst);
  Course one, two;
  auto trial = pools.next(one, wish());
  ASSERT_TRUE(trial);
  EXPECT_FALSE(pools.next(two, wish()));
}

TEST_F(PoolsTest, SecondTriesAreAShareOfTheFirst) {
  int second = 0;
  for (int i = 0; i < 1'000; ++i) {
    Course course;
    auto place = pools.next(course, wish());
    ASSERT_TRUE(place);
    place->use->end(Outcome::Left);
    auto again = pools.next(course, wish());
    if (!again) continue;
    again->use->end(++second % 4 == 0 ? Outcome::Failed : Outcome::Done);  // it has troubles too
  }
  EXPECT_NEAR(second, 1'000 * limits::kRetryShare + limits::kRetryBudgetMax, 3);
}

// Eight at once meet two endpoints that fail before their circuits open: more second tries than are
// granted, but the last ones go to an endpoint that is well.
TEST_F(PoolsTest, ABurstOfFailuresFindsTheEndpointThatIsWell) {
  std::array<Course, 8> courses;
  for (const char* name : {"a", "b", "c"}) {
    std::vector<Place> places;
    for (Course& course : courses) {
      auto place = pools.next(course, wish());
      ASSERT_TRUE(place) << name;
      EXPECT_EQ(place->use->row().name, name);
      places.push_back(std::move(*place));
    }
    const bool well = places.front().use->row().name == "c";
    for (Place& place : places) place.use->end(well ? Outcome::Done : Outcome::Failed);
  }
}

// Two of three fail every second request, for long: the saved second tries are used up, and yet
// nobody fails twice while there is one that is well.
TEST_F(PoolsTest, ASecondTryGoesWhereNothingFailedLately) {
  table.pools[1].policy = Policy::Least;
  table.endpoints[2].pool = "near";
  put();
  int answers = 0;
  for (int i = 0; i < 500; ++i) {
    Course course;
    for (Outcome outcome = Outcome::Failed; outcome == Outcome::Failed;) {
      auto place = pools.next(course, wish());
      ASSERT_TRUE(place) << i;
      const bool well = place->use->row().name == "c";
      outcome = !well && ++answers % 2 == 0 ? Outcome::Failed : Outcome::Done;
      place->use->end(outcome);
    }
    EXPECT_LE(course.places, 3) << i;
    clock.advance(std::chrono::seconds(1));
  }
  EXPECT_GT(answers, 60) << "the broken ones were hardly asked";
}

// Its own requests are all second tries: the model's first ones pay for them.
TEST_F(PoolsTest, AReservePoolLastsThroughAnOutage) {
  table.endpoints[0].state = table.endpoints[1].state = EndpointState::Paused;
  pools.use(table);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(way(Outcome::Left, wish()), "c") << i;
}

TEST_F(PoolsTest, CanaryByWeight) {
  table.routes = {{"m", "near", "old", 90}, {"m", "near", "new", 10}};
  put();
  std::map<std::string, int> hits;
  for (int i = 0; i < 1'000; ++i) {
    Course course;
    ++hits[pools.next(course, wish())->model];
  }
  EXPECT_NEAR(hits["new"], 100, 40);
}

TEST_F(PoolsTest, TheKeyIsNotShown) {
  table.endpoints[0].key = "sk-very-secret";
  pools.use(table);
  EXPECT_TRUE(pools.status()[0].has_key);
  EXPECT_EQ(pools.status()[0].row.key, "");
}

TEST_F(PoolsTest, LinkLocalAddressesAreLeftOut) {
  table.endpoints[0].url = "http://169.254.169.254";
  table.endpoints[0].link_local = false;
  pools.use(table);
  EXPECT_EQ(pools.status().size(), 2u);
  table.endpoints[0].link_local = true;
  pools.use(table);
  EXPECT_EQ(pools.status().size(), 3u);
}

TEST_F(PoolsTest, AnAnswerGoesOnInItsPoolWhereThatIsSaid) {
  goes_on("b");
  put();
  refill();
  Wish sibling = wish();
  sibling.sibling = Sibling{"near", "m-near", true};
  Course course;
  auto place = pools.next(course, wish());
  ASSERT_TRUE(place);
  EXPECT_EQ(place->use->row().name, "a");
  auto next = pools.next(course, sibling);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->use->row().name, "b");
  EXPECT_FALSE(pools.next(course, sibling));  // neither a, which does not, nor another pool
  Course other;
  sibling.sibling = Sibling{"near", "a canary", true};
  EXPECT_FALSE(pools.next(other, sibling));
  sibling.sibling = Sibling{"far", "m-far", true};
  EXPECT_FALSE(pools.next(other, sibling));  // c does not say so
}

TEST_F(PoolsTest, AnEndpointWhoseKeyCannotBeOpenedIsNotAsked) {
  table.endpoints[0].unread = "sealed:1:00";
  put();
  refill();
  Course course;
  EXPECT_EQ(pools.next(course, wish())->use->row().name, "b");
  const EndpointStatus status = pools.status().at(0);
  EXPECT_TRUE(status.has_key && status.key_unread);
  EXPECT_EQ(status.row.unread, "");
  EXPECT_EQ(pools.probes().size(), 2u);
}

TEST_F(PoolsTest, ASiblingNeedNotContinueWhereNothingIsToBeContinued) {
  table.routes[0].hedge_ms = 50;
  put();
  refill();
  Course course;
  const auto place = pools.next(course, wish());
  ASSERT_TRUE(place);
  EXPECT_EQ(place->hedge_ms, 50);
  Wish sibling = wish();
  sibling.sibling = Sibling{"near", "m-near", false};
  const auto beside = pools.next(course, sibling);
  ASSERT_TRUE(beside);
  EXPECT_EQ(beside->use->row().name, "b");
}

TEST_F(PoolsTest, GoingOnIsPaidForAlsoAtAnEndpointThatIsWell) {
  goes_on("b");
  put();
  refill();
  Wish sibling = wish();
  sibling.sibling = Sibling{"near", "m-near", true};
  int gone_on = 0;
  for (int i = 0; i < 100; ++i) {
    Course course;
    const auto place = pools.next(course, wish());
    ASSERT_TRUE(place);
    gone_on += pools.next(course, sibling) ? 1 : 0;
  }
  EXPECT_GE(gone_on, 20);
  EXPECT_LE(gone_on, 31);  // ten saved up, and a fifth
}

}  // namespace
}  // namespace xc::fleet

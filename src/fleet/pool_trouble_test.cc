#include "fleet/pool_trouble.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace xc::fleet {
namespace {

using Troubles = std::map<std::string, std::string>;

EndpointStatus endpoint(std::string pool, std::string name) {
  EndpointStatus status;
  status.row.pool = std::move(pool);
  status.row.name = std::move(name);
  return status;
}

TEST(PoolTrouble, EndpointsThatTakeNothingAndShould) {
  EndpointStatus well = endpoint("p", "well"), down = endpoint("p", "down");
  EndpointStatus shut = endpoint("q", "shut"), unread = endpoint("q", "unread");
  EndpointStatus paused = endpoint("p", "paused"), drained = endpoint("p", "drained");
  down.down = paused.down = drained.down = true;
  shut.shut = true;
  shut.failed = 5;
  unread.key_unread = true;
  paused.row.state = EndpointState::Paused;
  drained.row.state = EndpointState::Draining;
  EXPECT_EQ(troubled_endpoints({well, down, shut, unread, paused, drained}),
            (Troubles{{"p/down", "its health checks fail"},
                      {"q/shut", "its circuit is open, 5 requests failed"},
                      {"q/unread", "its key cannot be opened"}}));
}

TEST(PoolTrouble, ModelsThatNobodyAnswersFor) {
  PoolTable table;
  table.routes = {{"a", "p", "x", 1}, {"a", "q", "x", 0},     {"b", "p", "x", 1},
                  {"c", "p", "x", 1}, {"c", "local", "x", 0}, {"d", "nowhere", "x", 1}};
  EndpointStatus first = endpoint("p", "1"), other = endpoint("q", "2");
  EXPECT_EQ(unserved_models(table, {first, other}), (Troubles{{"d", "pools nowhere"}}));
  first.down = true;
  EXPECT_EQ(unserved_models(table, {first, other}),
            (Troubles{{"b", "pools p"}, {"d", "pools nowhere"}}));
  other.row.state = EndpointState::Paused;
  EXPECT_EQ(unserved_models(table, {first, other}),
            (Troubles{{"a", "pools p, q"}, {"b", "pools p"}, {"d", "pools nowhere"}}));
}

// An open circuit is trouble until its next try is due: nobody may ask afterwards, and the endpoint
// be well.
TEST(PoolTrouble, AnOpenCircuitIsShutUntilItsNextTry) {
  ManualClock clock;
  SeededRandom random{1};
  Pools pools(clock, random);
  PoolTable table;
  table.pools = {{"p", "", "", Secrecy::Public, Policy::Least}};
  EndpointRow row;
  row.name = "e";
  row.pool = "p";
  row.url = "http://10.0.0.1:8000";
  table.endpoints = {row};
  table.routes = {{"m", "p", "x", 1}};
  pools.use(table);
  Wish wish;
  wish.model = "m";
  EXPECT_FALSE(pools.status().front().shut);
  {
    Course course;
    const auto place = pools.next(course, wish);
    ASSERT_TRUE(place);
    place->use->end(Outcome::Failed);  // of the warm-up: it opens at once
  }
  EXPECT_TRUE(pools.status().front().shut);
  clock.advance(limits::kBreakerOpenFirst);
  EXPECT_EQ(pools.status().front().breaker, Breaker::State::Open);
  EXPECT_FALSE(pools.status().front().shut);
}

}  // namespace
}  // namespace xc::fleet

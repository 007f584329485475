#include "gateway/metrics.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "gateway/books.h"
#include "net/net_test.h"
#include "store/database.h"

namespace xc::gateway {
namespace {

bool has(const std::string& text, std::string_view line) {
  return text.find(line) != std::string::npos;
}

TEST(Metrics, counts_requests_and_tokens) {
  Metrics metrics("9");
  metrics.request_begun();
  metrics.request_begun();
  metrics.request_ended("m", "/r", 200, 0.3);
  Series& series = metrics.series("m", "/r");
  EXPECT_EQ(&series, &metrics.series("m", "/r"));
  series.spent(
      {.prompt_tokens = 10, .completion_tokens = 3, .cached_tokens = 4, .reasoning_tokens = 0});
  series.gap(0.02, 5);
  const std::string text = metrics.text({}, {});
  EXPECT_TRUE(has(text, R"(xingcha_requests_total{model="m",route="/r",status="200"} 1)")) << text;
  EXPECT_TRUE(has(text, "xingcha_requests_in_flight 1"));
  EXPECT_TRUE(has(text, R"(xingcha_tokens_total{kind="cached",model="m",route="/r"} 4)"));
  EXPECT_TRUE(has(text, R"(xingcha_time_between_tokens_seconds_count{model="m",route="/r"} 5)"));
  EXPECT_TRUE(has(text, R"(xingcha_request_seconds_bucket{model="m",route="/r",le="0.5"} 1)"));
}

TEST(Metrics, shows_workers_and_connections_as_they_are_now) {
  Metrics metrics("9");
  fleet::ModelStatus worker;
  worker.name = "m";
  worker.state = fleet::State::Ready;
  worker.restarts = 2;
  worker.in_flight = 3;
  net::Server::Counters connections;
  connections.connections_open = 5;
  connections.connections_total = 8;
  std::string text = metrics.text({worker}, connections);
  EXPECT_TRUE(has(text, R"(xingcha_workers{state="ready"} 1)")) << text;
  EXPECT_TRUE(has(text, R"(xingcha_worker_restarts_total{model="m"} 2)"));
  EXPECT_TRUE(has(text, "xingcha_connections 5"));
  worker.state = fleet::State::Failed;
  text = metrics.text({worker}, connections);  // totals do not grow by being read
  EXPECT_TRUE(has(text, R"(xingcha_workers{state="ready"} 0)"));
  EXPECT_TRUE(has(text, R"(xingcha_worker_restarts_total{model="m"} 2)"));
  EXPECT_TRUE(has(text, "xingcha_connections_total 8"));
}

TEST(Metrics, engines_totals_go_on_over_restarts_and_gauges_fall) {
  Metrics metrics("9");
  metrics.engines({{"m", {{"prompt_tokens_asked", 10}, {"queued_by_class.0", 3}, {"cells", 64}}}});
  std::string text = metrics.text({}, {});
  EXPECT_TRUE(has(text, R"(xingcha_engine_prompt_tokens_total{kind="asked",model="m"} 10)"))
      << text;
  EXPECT_TRUE(has(text, R"(xingcha_engine_queue_depth{class="interactive",model="m"} 3)"));
  metrics.engines({{"m",
                    {{"prompt_tokens_asked", 14},
                     {"preemptions", 4},
                     {"swaps_in_disk", 2},
                     {"swap_in_bytes", 9}}}});
  metrics.engines({});                                     // the worker was unloaded
  metrics.engines({{"m", {{"prompt_tokens_asked", 5}}}});  // a new one
  text = metrics.text({}, {});
  EXPECT_TRUE(has(text, R"(xingcha_engine_prompt_tokens_total{kind="asked",model="m"} 19)"))
      << text;
  EXPECT_TRUE(has(text, R"(xingcha_engine_queue_depth{class="interactive",model="m"} 0)"));
  EXPECT_TRUE(has(text, R"(xingcha_engine_preemptions_total{model="m"} 4)"));
  EXPECT_TRUE(has(text, R"(xingcha_engine_swaps_total{direction="in_disk",model="m"} 2)"));
  EXPECT_TRUE(has(text, R"(xingcha_engine_swap_bytes_total{direction="in",model="m"} 9)"));
}

class MetricsOfBooks : public testing::Test {
 protected:
  MetricsOfBooks() {
    audit::LogOptions options;
    options.folder = folder_.path("audit");
    log_ = *audit::Log::open(options, clock_, random_);
    books_ = *Books::open(*log_, *database_, clock_);
  }
  void grant(std::int64_t granted) {
    books_->ledger().grant(identity::Scope::Tenant, "t", identity::Meter::Running, granted, 0);
  }
  static bool shows(Metrics& metrics, std::string granted) {
    return has(
        metrics.text({}, {}),
        R"(xingcha_quota{meter="concurrency",part="granted",scope="tenant"} )" + granted + "\n");
  }
  TestFolder folder_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<store::Database> database_ = *store::Database::open(folder_.path("x.db"));
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<Books> books_;
};

TEST_F(MetricsOfBooks, the_ledger_is_walked_once_a_second_however_often_it_is_asked_for) {
  const SteadyTime start = clock_.now();
  Metrics metrics("9");
  EXPECT_TRUE(has(metrics.text({}, {}), "xingcha_quota_conserved 1"));
  grant(7);
  const std::function<void()> first = metrics.ledger_walk(*books_, start);
  ASSERT_TRUE(first);
  EXPECT_FALSE(metrics.ledger_walk(*books_, start)) << "a second one while it is walked";
  first();
  EXPECT_TRUE(shows(metrics, "7"));
  EXPECT_TRUE(has(metrics.text({}, {}), "xingcha_quota_conserved 1"));
  grant(8);
  const SteadyTime later = start + limits::kLedgerAuditFresh;
  EXPECT_FALSE(metrics.ledger_walk(*books_, later - std::chrono::milliseconds(1)));
  EXPECT_TRUE(shows(metrics, "7"));
  const std::function<void()> second = metrics.ledger_walk(*books_, later);
  ASSERT_TRUE(second);
  second();
  EXPECT_TRUE(shows(metrics, "8"));
}

TEST_F(MetricsOfBooks, a_walk_may_end_after_the_metrics) {
  auto metrics = std::make_unique<Metrics>("9");
  const std::function<void()> walk = metrics->ledger_walk(*books_, clock_.now());
  ASSERT_TRUE(walk);
  metrics = nullptr;
  walk();
}

}  // namespace
}  // namespace xc::gateway

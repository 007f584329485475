#include "gateway/metrics.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace xc::gateway

// Measures a running server as a client sees it. What is measured and how is said in bench.cc.
#pragma once

#include <string>
#include <vector>

#include "app/api_client.h"

namespace xc::app {

struct BenchPlan {
  std::string model;
  int streams = 4;
  int repeats = 5;
  int prompt_tokens = 512;  // about
  int tokens = 128;
};

// One stream as its client saw it; times in seconds since the bench began.
struct StreamTimes {
  double sent = 0, first = 0, last = 0;
  std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
};

// Median and range of repeats. Pure.
struct Spread {
  double median = 0, low = 0, high = 0;
};
Spread spread_of(std::vector<double> values);

struct BenchResult {
  Spread ttft_ms, prefill_tok_s, decode_one_tok_s, decode_many_tok_s;
};
// Says on stderr what it does. Error: what the server says, Cancelled.
Result<BenchResult> run_bench(const ApiClient& api, const BenchPlan& plan, Language language);

// Tokens per second of streams that ran side by side, after the first token of each. Pure.
double decode_rate(const std::vector<StreamTimes>& streams);

}  // namespace xc::app

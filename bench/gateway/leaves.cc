// How many leaves a second the audit log sustains: admissions and settlements as the gateway makes
// them, from one thread, with the product's own fsync interval. Prints the rate of leaves that are
// on disk and signed.
//
//   gateway_leaves FOLDER SECONDS [RATE]     RATE: leaves a second that are offered; else the most
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "audit/log.h"

namespace {

namespace audit = xc::audit;

struct Counts {
  std::uint64_t pauses = 0;  // the queue was full: the disk is the limit
};

Counts append_until(audit::Log& log, xc::SteadyTime end, double rate) {
  Counts counts;
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t made = 0;
  audit::Admission admission;
  admission.request_id = "req_0123456789abcdefghij";
  admission.tenant = "default";
  admission.workspace = "default/default";
  admission.key_id = "key_0123456789abcdefghij";
  admission.method = "POST";
  admission.route = "/v1/chat/completions";
  admission.model = "mock";
  admission.reserved_tokens = 220;
  audit::Settlement settlement;
  settlement.request_id = admission.request_id;
  settlement.tenant = admission.tenant;
  settlement.workspace = admission.workspace;
  settlement.key_id = admission.key_id;
  settlement.model = admission.model;
  settlement.status = 200;
  settlement.ended = "done";
  settlement.prompt_tokens = 12;
  settlement.completion_tokens = 200;
  for (auto now = begun; now < end; now = std::chrono::steady_clock::now()) {
    const std::chrono::duration<double> elapsed = now - begun;
    if (rate > 0 && static_cast<double>(made) > elapsed.count() * rate) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    const auto admitted = log.admit(admission);
    if (!admitted) {
      ++counts.pauses;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    static_cast<void>(log.settle(*admitted, settlement));
    made += 2;
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  xc::SystemClock clock;
  xc::SystemRandom random;
  audit::LogOptions options;
  options.folder = argv[1];
  auto log = audit::Log::open(std::move(options), clock, random);
  if (!log) return 1;
  const auto begun = std::chrono::steady_clock::now();
  const double rate = argc > 3 ? std::atof(argv[3]) : 0;
  const auto end = begun + std::chrono::seconds(std::atoi(argv[2]));
  const Counts counts = append_until(**log, end, rate);
  (*log)->close();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const auto stats = (*log)->stats();
  std::printf("%.0f leaves/s, %.1f ms between syncs, %llu pauses\n",
              static_cast<double>(stats.committed) / took.count(),
              took.count() * 1000 / static_cast<double>(stats.syncs),
              static_cast<unsigned long long>(counts.pauses));
}

// How many leaves a second the audit log takes, every one on disk: admissions and settlements as
// the gateway writes them, with an fsync every 10 ms. bench/audit/run.py and ./x bench gateway run
// it. RATE: leaves a second that each thread offers; else the most.
//   audit_leaves FOLDER SECONDS THREADS PROFILE [RATE]
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "audit/log.h"

namespace {

using namespace xc;
using namespace xc::audit;
using std::chrono::steady_clock;

Admission admission_of(int thread, std::uint64_t i) {
  Admission made;
  made.request_id = fmt::format("req_{:02}{:022}", thread, i);
  made.tenant = "default";
  made.workspace = "default/default";
  made.key_id = "key_0123456789abcdefghijklmn";
  made.source = "192.0.2.7";
  made.method = "POST";
  made.route = "/v1/chat/completions";
  made.model = "qwen2.5-coder-1.5b-instruct";
  made.reserved_tokens = 1'024;
  return made;
}

Settlement settlement_of(const Admission& admission) {
  Settlement made;
  made.request_id = admission.request_id;
  made.tenant = admission.tenant;
  made.workspace = admission.workspace;
  made.key_id = admission.key_id;
  made.model = admission.model;
  made.status = 200;
  made.ended = "done";
  made.prompt_tokens = 300;
  made.completion_tokens = 120;
  made.cost_micro = 1'234;
  made.took_us = 250'000;
  return made;
}

struct Tally {
  std::uint64_t calls = 0, refused = 0;
};

// Writes at this rate, 0: as fast as the log takes it; waits for the disk when the queue is half
// full.
Tally write_until(Log& log, int thread, steady_clock::time_point end, double rate) {
  Tally tally;
  Ticket last;
  const auto begun = steady_clock::now();
  for (auto now = begun; now < end; now = steady_clock::now()) {
    const std::chrono::duration<double> elapsed = now - begun;
    if (rate > 0 && static_cast<double>(2 * tally.calls) > elapsed.count() * rate) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    const Admission admission = admission_of(thread, tally.calls);
    const auto ticket = log.admit(admission);
    if (!ticket) {
      ++tally.refused;
      if (tally.calls > 0) static_cast<void>(log.wait(last, Deadline::never()));
      continue;
    }
    const auto settled = log.settle(*ticket, settlement_of(admission));
    if (!settled) std::abort();  // what was admitted must find room
    last = *settled;
    ++tally.calls;
  }
  return tally;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const SystemClock clock;
  SystemRandom random;
  LogOptions options;
  options.folder = argv[1];
  options.program = "audit_leaves";
  options.profile = profile_of(argv[4]).value_or(Profile::Sha256Ed25519);
  auto log = Log::open(options, clock, random);
  if (!log) {
    fmt::print(stderr, "{}\n", text_of(log.error(), Language::En));
    return 1;
  }
  const int threads = std::atoi(argv[3]);
  const double rate = argc > 5 ? std::atof(argv[5]) : 0;
  const Log::Stats before = (*log)->stats();
  const auto begun = steady_clock::now();
  const auto end = begun + std::chrono::seconds(std::atoi(argv[2]));
  std::vector<Tally> tallies(static_cast<std::size_t>(threads));
  std::vector<std::thread> writers;
  for (int i = 0; i < threads; ++i) {
    writers.emplace_back(
        [&, i] { tallies[static_cast<std::size_t>(i)] = write_until(**log, i, end, rate); });
  }
  for (std::thread& writer : writers) writer.join();
  const Log::Stats during = (*log)->stats();
  const double seconds = std::chrono::duration<double>(steady_clock::now() - begun).count();
  std::uint64_t refused = 0;
  for (const Tally& tally : tallies) refused += tally.refused;
  (*log)->close();
  // Only what is on disk counts.
  fmt::print(
      "{{\"leaves_per_s\":{:.0f},\"syncs_per_s\":{:.1f},\"refused\":{},\"seconds\":{:.2f},"
      "\"threads\":{},\"profile\":\"{}\"}}\n",
      static_cast<double>(during.committed - before.committed) / seconds,
      static_cast<double>(during.syncs - before.syncs) / seconds, refused, seconds, threads,
      name_of(options.profile));
  return 0;
}

// A program is killed while it writes, again and again: what it acknowledged must be there.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "audit/test_log.h"
#include "audit/verify.h"

namespace xc::audit {
namespace {

// XC_KILLS asks for more, up to hours of them.
int kills() {
  const char* wanted = std::getenv("XC_KILLS");
  return wanted != nullptr ? std::atoi(wanted) : 60;
}

// The child: opens the log, writes for ever, and tells every acknowledged ticket.
[[noreturn]] void write_for_ever(LogOptions options, int out) {
  const SystemClock clock;
  SystemRandom random;
  auto log = Log::open(std::move(options), clock, random);
  if (!log) ::_exit(3);
  for (int i = 0;; ++i) {
    const auto tell = [out](Ticket ticket) { (void)!::write(out, &ticket, sizeof(ticket)); };
    const auto admission =
        (*log)->admit({.request_id = "r" + std::to_string(i)}, (*log)->content_of("content"));
    if (!admission) continue;
    const auto settled = (*log)->settle(*admission, {.status = 200}, {}, {});
    if (i % 8 == 0 && settled && (*log)->wait(*settled, Deadline::never())) {
      tell(*admission);
      tell(*settled);
    }
  }
}

// Kills after `life`: from the start of the program, or from its first acknowledged leaf.
std::vector<Ticket> run_and_kill(const LogOptions& options, std::chrono::microseconds life,
                                 bool from_first) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    write_for_ever(options, pipe[1]);
  }
  ::close(pipe[1]);
  std::vector<Ticket> told;
  Ticket first;
  if (from_first && ::read(pipe[0], &first, sizeof(first)) == sizeof(first)) told.push_back(first);
  ::usleep(static_cast<useconds_t>(life.count()));
  ::kill(child, SIGKILL);
  for (Ticket ticket; ::read(pipe[0], &ticket, sizeof(ticket)) == sizeof(ticket);) {
    told.push_back(ticket);
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the log could not be opened: " << WEXITSTATUS(status);
  return told;
}

TEST(LogKill, LosesNothingAcknowledged) {
  TestFolder place;
  LogOptions options = quick_options(place.path("audit"));
  options.sync_interval = std::chrono::milliseconds(1);
  options.head_interval = std::chrono::milliseconds(3);
  options.segment_leaves = 500;
  const SystemClock clock;
  SystemRandom random;
  std::mt19937 dice(11);
  std::vector<Ticket> all;
  for (int round = 0; round < kills(); ++round) {
    const auto told =
        run_and_kill(options, std::chrono::microseconds(dice() % 30'000), round % 2 == 1);
    all.insert(all.end(), told.begin(), told.end());
  }
  auto log = Log::open(options, clock, random);
  ASSERT_TRUE(log) << text_of(log.error(), Language::En);
  ASSERT_FALSE(all.empty());
  for (const Ticket& ticket : all) {
    const auto proof = (*log)->prove(ticket.index);
    ASSERT_TRUE(proof) << ticket.index;
    ASSERT_EQ(proof->leaf, ticket.leaf) << ticket.index;
    ASSERT_TRUE(verify_inclusion(Profile::Sha256Ed25519, ticket.leaf, ticket.index,
                                 proof->head.size, proof->path, proof->head.root));
  }
  log->reset();
  const auto found = verify(options.folder, {});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->good()) << name_of(found->faults[0].kind) << " " << found->faults[0].index
                             << " " << found->faults[0].detail;
}

}  // namespace
}  // namespace xc::audit

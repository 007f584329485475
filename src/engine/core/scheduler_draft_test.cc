// Guesses of a smaller model: the text is the same whatever it says, it is asked only where it
// pays, and a long text is read bit by bit.
#include <algorithm>

#include "engine/core/scheduler_bench.h"

namespace xc::engine {
namespace {

// Knows what the model will say, and is wrong at every `wrong_each`-th token; 0: never.
class KnowingDrafter final : public Drafter {
 public:
  KnowingDrafter(Bench& bench, int wrong_each, double ms_a_guess)
      : bench_(bench), wrong_each_(wrong_each), ms_a_guess_(ms_a_guess) {}

  double cost_ms(int count) const override { return count * ms_a_guess_; }
  std::vector<Guess> draft(std::span<const Ask> asks) override {
    ++asked;
    together_most = std::max(together_most, asks.size());
    std::vector<Guess> all;
    int left = kDraftReadAtOnce;
    for (const Ask& ask : asks) {
      const int reads = std::min(unread(ask), left);
      left -= reads;
      all.push_back(guess(ask, reads));
      bench_->advance(std::chrono::duration_cast<Duration>(
          std::chrono::duration<double, std::milli>(all.back().ms + reads * kReadMs)));
    }
    read_most = std::max(read_most, kDraftReadAtOnce - left);
    return all;
  }

  int asked = 0;
  int read_most = 0;
  std::size_t together_most = 0;

 private:
  static constexpr double kReadMs = 0.1;

  Guess guess(const Ask& ask, int reads) {
    Guess guess;
    int& read = read_[static_cast<std::size_t>(ask.seq)];
    read += reads;
    if (read == static_cast<int>(ask.tokens->size())) {
      guess.tokens = guesses(*ask.tokens, ask.max);
      guess.ms = static_cast<double>(guess.tokens.size()) * ms_a_guess_;
    }
    return guess;
  }
  int unread(const Ask& ask) const {
    return static_cast<int>(ask.tokens->size()) - read_[static_cast<std::size_t>(ask.seq)];
  }
  std::vector<Token> guesses(const std::vector<Token>& tokens, int max) const {
    for (int ticket = 0; ticket < bench_.rig->count(); ++ticket) {
      const engine::Ask& ask = bench_->ask(ticket);
      if (!std::equal(ask.prompt.begin(), ask.prompt.end(), tokens.begin())) continue;
      const std::vector<Token> said = expected_answer(ask)[0];
      std::vector<Token> ahead;
      for (std::size_t i = tokens.size() - ask.prompt.size(); i < said.size(); ++i) {
        if (static_cast<int>(ahead.size()) == max) break;
        const bool wrong = wrong_each_ > 0 && i % static_cast<std::size_t>(wrong_each_) == 0;
        ahead.push_back(wrong ? said[i] + 1 : said[i]);
      }
      return ahead;
    }
    return {};
  }

  Bench& bench_;
  int wrong_each_;
  double ms_a_guess_;
  std::vector<int> read_ = std::vector<int>(64, 0);
};

struct Outcome {
  double ms = 0;
  std::uint64_t drafted = 0, accepted = 0;
  int asked = 0, read_most = 0;
};

// As the engine does while nobody asks: what steps of a few rows cost on the rig is known.
void try_rows(Bench& bench) {
  for (int rows = 1; rows <= 9; ++rows) {
    for (int again = 0; again < 3; ++again) bench->scheduler().tried(2, rows, 5.0 + rows);
  }
}

// One answer of 400 tokens that repeats nothing.
Outcome answer(int wrong_each, double ms_a_guess, bool with_drafter = true, int prompt = 40) {
  Bench bench(options_of());
  KnowingDrafter drafter(bench, wrong_each, ms_a_guess);
  if (with_drafter) bench->scheduler().use(&drafter);
  try_rows(bench);
  Ask ask = ask_for(prompt_of(3, prompt), 400);
  ask.speculation = true;
  const int ticket = bench->submit(ask);
  bench.finish();
  bench.all_right();
  const Answer& answer = bench->answer(ticket);
  return {std::chrono::duration<double, std::milli>(answer.last - answer.first).count(),
          bench.counters().drafted_by_model, bench.counters().accepted, drafter.asked,
          drafter.read_most};
}

TEST(SchedulerDraft, a_model_that_knows_the_text_makes_it_faster) {
  const Outcome plain = answer(0, 1, false);
  const Outcome right = answer(0, 1);
  const Outcome half = answer(4, 1);
  EXPECT_EQ(plain.drafted, 0u);
  EXPECT_GT(right.accepted, 300u);
  EXPECT_LT(right.ms, 0.6 * plain.ms);
  EXPECT_LT(half.ms, plain.ms);
  EXPECT_GT(half.ms, right.ms);
}

TEST(SchedulerDraft, one_that_is_slow_or_wrong_costs_next_to_nothing) {
  const double plain_ms = answer(0, 1, false).ms;
  EXPECT_LE(answer(0, 20).ms, 1.08 * plain_ms);  // each guess takes longer than a step
  EXPECT_LE(answer(1, 1).ms, 1.08 * plain_ms);   // every guess is wrong
}

TEST(SchedulerDraft, a_long_prompt_is_read_bit_by_bit) {
  const Outcome outcome = answer(0, 1, true, 2000);
  EXPECT_LE(outcome.read_most, kDraftReadAtOnce);
  EXPECT_GT(outcome.drafted, 100u);
}

// What guesses of a stream cost is not there for the prompt beside it.
TEST(SchedulerDraft, a_step_with_guesses_and_a_prompt_keeps_the_target) {
  SchedulerOptions options = options_of();
  options.target_tbt_ms = 40;
  Bench bench(options);
  KnowingDrafter drafter(bench, 0, 0.01);
  bench->scheduler().use(&drafter);
  try_rows(bench);
  bench->submit(ask_for(prompt_of(1, 600), 1));
  bench.finish();  // what a token costs is known
  Ask stream = ask_for(prompt_of(2, 20), 400);
  stream.speculation = true;
  const int ticket = bench->submit(stream);
  while (bench->answer(ticket).first == SteadyTime{}) bench->step();
  const int long_one = bench->submit(ask_for(prompt_of(3, 3000), 1));
  double most = 0;
  while (bench->answer(ticket).ended == 0) {
    const SteadyTime begun = bench->now();
    bench->step();
    most = std::max(most, std::chrono::duration<double, std::milli>(bench->now() - begun).count());
  }
  EXPECT_EQ(bench->answer(long_one).ended, 0);  // it was there all the time
  EXPECT_GT(bench.counters().accepted, 300u);
  EXPECT_LE(most, 1.25 * options.target_tbt_ms);
  bench.finish();
  bench.all_right();
}

TEST(SchedulerDraft, several_answers_at_once_stay_themselves) {
  Bench bench(options_of(2048, 8), true);
  KnowingDrafter drafter(bench, 5, 0.5);
  bench->scheduler().use(&drafter);
  for (std::uint64_t i = 0; i < 12; ++i) {
    Ask ask = ask_for(prompt_of(50 + i, 200), 120);
    ask.speculation = true;
    ask.quotes = i % 2 == 0;
    bench->submit(ask);
  }
  bench.finish();
  bench.all_right();
  EXPECT_GT(bench.counters().drafted_by_model, 0u);
  EXPECT_GT(bench.counters().drafted, bench.counters().drafted_by_model);
  EXPECT_GE(drafter.together_most, 4u);
}

}  // namespace
}  // namespace xc::engine

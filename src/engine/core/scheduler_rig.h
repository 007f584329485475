// Runs a Scheduler as the engine thread does, on a FakeDevice and in virtual time. The "model" is a
// pure function of all tokens before, so that any wrong sharing, restore or preemption changes an
// answer: compare with expected_answer(). For tests; one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/core/fake_device.h"
#include "engine/core/scheduler.h"

namespace xc::engine {

struct Ask {
  std::string tenant = "t";
  std::string key = "k";
  int priority = 1;
  std::vector<Token> prompt;
  int max_tokens = 16;
  int n = 1;
  Deadline deadline = Deadline::never();
  bool speculation = false;
  bool quotes = false;      // the answer repeats what stands twelve tokens before, mostly
  bool may_stop = false;    // the model may end the answer before max_tokens
  int image_at = -1;        // kMediaToken from here …
  int image_tokens = 0;     // … for so many tokens
  int image_positions = 0;  // of positions; 0: as many as tokens
  std::uint64_t adapter = 0;
  bool score = false;  // the logits of every token of the prompt are wanted
};

std::vector<std::vector<Token>> expected_answer(const Ask& ask);
std::vector<std::uint64_t> expected_scores(const Ask& ask);
// `count` tokens that another seed does not share.
std::vector<Token> prompt_of(std::uint64_t seed, int count);
std::vector<Token> operator+(std::vector<Token> a, const std::vector<Token>& b);

struct Answer {
  std::vector<std::vector<Token>> said;  // by choice
  std::optional<Code> error;
  bool cancelled = false;
  int ended = 0;                      // how often
  int cached = 0;                     // prompt tokens
  std::vector<std::uint64_t> scores;  // logits of the prompt's tokens, where they are wanted
  SteadyTime asked{}, first{}, last{};
  double ttft_ms() const {
    return std::chrono::duration<double, std::milli>(first - asked).count();
  }
  double total_ms() const {
    return std::chrono::duration<double, std::milli>(last - asked).count();
  }
};

class SchedulerRig {
 public:
  // shelf may be null; poll: called before each step (to poll the chunk store).
  SchedulerRig(const SchedulerOptions& options, FakeDevice& device, KvShelf* shelf,
               std::function<void()> poll = {});
  ~SchedulerRig();

  // A ticket. Refused requests end at once.
  int submit(const Ask& ask);
  void cancel(int ticket) { marks_[at(ticket)].cancelled = true; }
  void park(int ticket, bool lags) { marks_[at(ticket)].lags = lags; }
  // One turn of the engine's loop. False: nothing was computed.
  bool step();
  // Until nothing is left; false when there still is something after so many turns.
  bool run(int turns_max = 200'000);
  // The next decode of more than one lane says that the device has no room.
  void refuse_next() { refuse_next_ = true; }

  const Answer& answer(int ticket) const { return answers_[at(ticket)]; }
  const Ask& ask(int ticket) const { return marks_[at(ticket)].ask; }
  // Ended, without error, with the words that the model says alone.
  bool right(int ticket) const;
  int count() const { return static_cast<int>(answers_.size()); }
  // What must hold between two steps; empty: all does.
  std::string fault() const;
  std::uint64_t trace() const { return trace_; }  // of everything that was computed
  Scheduler& scheduler() { return scheduler_; }
  SteadyTime now() const { return now_; }
  void advance(Duration by) { now_ += by; }
  double longest_step_ms() const { return longest_step_ms_; }
  int scored_most() const { return scored_most_; }  // tokens of prompts in one step
  // Adapters by step, as they were planned.
  const std::vector<std::uint64_t>& adapters() const { return adapters_; }

 private:
  struct Run;
  struct Choice;
  struct Logit {
    std::uint64_t value;
    Token quoted;
  };
  struct Mark {
    Ask ask;
    bool cancelled = false;
    bool lags = false;
  };
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  void ask_readers();
  bool step_media();
  bool step_tokens();
  bool decode(const std::vector<Scheduler::Row>& rows);
  void no_room(const std::vector<Scheduler::Row>& rows);
  void on_row(Choice& choice, const std::vector<Logit>& logits);
  void first_tokens(Choice& first, const std::vector<Logit>& logits);
  void score(const Lane& lane, int place);
  void finish(Choice& choice);
  void end(Run& run, std::optional<Code> error, bool cancelled);
  Logit logit(int seq) const;
  void trace(std::uint64_t what) { trace_ = mix_hash(trace_ ^ what); }

  FakeDevice& device_;
  std::function<void()> poll_;
  Scheduler scheduler_;
  SteadyTime now_{std::chrono::hours(1)};
  std::vector<Mark> marks_;
  std::vector<Answer> answers_;
  std::uint64_t trace_ = 0;
  double longest_step_ms_ = 0;
  std::vector<std::uint64_t> adapters_;
  int scored_most_ = 0;
  bool mixed_ = false;  // a step had two adapters
  bool refuse_next_ = false;
};

}  // namespace xc::engine

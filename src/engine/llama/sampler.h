// Chooses the next token. Plain greedy requests skip the sampler chain: one pass over the logits.
// When the choice has thought enough, the tokens that end its thoughts are the next ones.
// Used by the engine thread only, after construction.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core/thought_budget.h"
#include "engine/llama/handles.h"
#include "engine/llama/model.h"
#include "schema/chat.h"

struct common_sampler;

namespace xc::engine::llama {

// What the chat format adds to a request's sampling.
struct Constraint {
  std::string grammar;      // GBNF; empty: free
  bool tool_calls = false;  // grammar comes from tools, else from response_format
  bool lazy = false;        // grammar starts at a trigger
  struct Trigger {
    int kind = 0;  // common_grammar_trigger_type
    std::string value;
  };
  std::vector<Trigger> triggers;
  std::vector<std::string> preserved;  // special tokens that stay visible
  std::string generation_prompt;
  bool hides_thoughts = false;  // from a lazy grammar: a call that is thought about is none
  ThoughtLimit thoughts;        // without its closing tokens
};

class Sampler {
 public:
  // Error: BadSchema when the grammar cannot be used.
  static Result<std::unique_ptr<Sampler>> make(const Model& model, const schema::Sampling& wanted,
                                               const Constraint& constraint, bool ignore_eos,
                                               std::uint32_t seed_fallback);
  ~Sampler();

  // Samples from row `row` of the last decode and accepts the token.
  llama_token sample(llama_context* context, int row);
  // Prompt tokens count for repetition penalties.
  void accept_prompt(const std::vector<llama_token>& tokens);
  // Tokens that an equal sampler chose. Internal error when the grammar does not know them.
  Status accept_answer(const std::vector<llama_token>& tokens);
  // An equal sampler in the same state but with another seed (n > 1).
  std::unique_ptr<Sampler> fork(std::uint32_t choice) const;

 private:
  Sampler() = default;
  llama_token argmax(llama_context* context, int row) const;
  void accept(llama_token token);
  bool hides_thoughts() const { return constraint_.lazy && constraint_.hides_thoughts; }
  void follow_thoughts(ThoughtLimit limit);

  const Model* model_ = nullptr;
  std::vector<llama_token> banned_;  // ignore_eos on the greedy path
  common_sampler* chain_ = nullptr;  // null: greedy
  schema::Sampling wanted_;
  Constraint constraint_;
  bool ignore_eos_ = false;
  std::optional<ThoughtBudget> thoughts_;  // none: nothing depends on them
  std::uint32_t seed_ = 0;
};

// log-probabilities of the chosen token and the `top` likeliest, from the raw logits of a row.
schema::LogprobEntry logprobs_of(const Model& model, llama_context* context, int row,
                                 llama_token chosen, int top);

}  // namespace xc::engine::llama

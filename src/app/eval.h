// What a model is worth, measured: perplexity of a text, answers to multiple-choice questions,
// answers that must match. Used to see what a precision costs. The arithmetic is pure; run_… talk
// to a running server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/api_client.h"
#include "base/result.h"

namespace xc::app {

// A mean with its standard error (of the mean).
struct Mean {
  double value = 0, error = 0;
  std::int64_t count = 0;
};
Mean mean_of(const std::vector<double>& values);  // zeros when there are none

// --- files. Errors name the line. ---
struct ChoiceItem {
  std::string question;
  std::vector<std::string> choices;  // at least two
  std::size_t answer = 0;            // into choices
};
// {"question","choices":["…"],"answer":0 or "A"} a line; empty lines are skipped.
Result<std::vector<ChoiceItem>> parse_choices(std::string_view jsonl, Language language);
struct ExactItem {
  std::string prompt;
  std::vector<std::string> answers;  // any of them is right
};
// {"prompt","answer":"…" or ["…"]} a line. `prompt` may be called "question".
Result<std::vector<ExactItem>> parse_exact(std::string_view jsonl, Language language);

// --- scores ---
// The log-probabilities of tokens that begin at or behind `from` characters, out of the reply of a
// scored prompt (echo, logprobs); those without one (the first token) are left out. One vector a
// choice of the reply. Error: Upstream when the reply has no such scores.
Result<std::vector<std::vector<double>>> scores_in(std::string_view reply,
                                                   const std::vector<std::size_t>& from);
// Characters (not bytes) of UTF-8.
std::size_t characters_of(std::string_view text);
// Without white space around it, and without one full stop (ASCII or Chinese) at its end.
std::string_view bare_answer(std::string_view text);

struct EvalOptions {
  std::string model;
  int window = 512;      // tokens scored together: perplexity
  int max_tokens = 256;  // of an answer: exact
  int limit = 0;         // items or windows at most; 0: all
};
struct Perplexity {
  double value = 0, low = 0, high = 0;  // exp of the mean and of one standard error to either side
  Mean nats;                            // a token
  double bits_per_byte = 0;             // comparable between vocabularies
};
struct ChoiceResult {
  Mean right;             // by the sum of log-probabilities
  Mean right_normalised;  // by the sum a byte, as lm-evaluation-harness's acc_norm
};
// Each window of the text begins without what was before it, and its first token has no score.
Result<Perplexity> run_perplexity(const ApiClient& api, const EvalOptions& options,
                                  const std::string& text, Language language);
// Each choice is scored as the continuation of the question, after a blank.
Result<ChoiceResult> run_choice(const ApiClient& api, const EvalOptions& options,
                                const std::vector<ChoiceItem>& items, Language language);
// Greedy answers in chat, compared as bare_answer has them.
Result<Mean> run_exact(const ApiClient& api, const EvalOptions& options,
                       const std::vector<ExactItem>& items, Language language);

}  // namespace xc::app

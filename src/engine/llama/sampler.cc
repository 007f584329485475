#include "engine/llama/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common.h"
#include "engine/llama/log_capture.h"
#include "sampling.h"

namespace xc::engine::llama {
namespace {

// The request's value, else the catalogue's, else the library's default stays.
template <typename To, typename From>
void overlay(To& target, const std::optional<From>& request, const std::optional<From>& model) {
  if (request) {
    target = static_cast<To>(*request);
  } else if (model) {
    target = static_cast<To>(*model);
  }
}

common_params_sampling params_of(const Model& model, const schema::Sampling& wanted,
                                 bool ignore_eos) {
  const schema::Sampling& defaults = model.options().sampling;
  common_params_sampling p;
  p.no_perf = true;
  p.penalty_last_n = 64;
  overlay(p.temp, wanted.temperature, defaults.temperature);
  overlay(p.top_p, wanted.top_p, defaults.top_p);
  overlay(p.top_k, wanted.top_k, defaults.top_k);
  overlay(p.min_p, wanted.min_p, defaults.min_p);
  overlay(p.penalty_present, wanted.presence_penalty, defaults.presence_penalty);
  overlay(p.penalty_freq, wanted.frequency_penalty, defaults.frequency_penalty);
  overlay(p.penalty_repeat, wanted.repetition_penalty, defaults.repetition_penalty);
  for (const auto& [token, bias] : wanted.logit_bias) {
    p.logit_bias.push_back({token, static_cast<float>(bias)});
  }
  p.ignore_eos = ignore_eos;
  if (ignore_eos) {
    for (llama_token t = 0; t < model.facts().vocabulary; ++t) {
      if (model.ends_generation(t)) p.logit_bias.push_back({t, -INFINITY});
    }
  }
  return p;
}

void constrain(common_params_sampling& p, const Model& model, const Constraint& constraint) {
  if (constraint.grammar.empty()) return;
  p.grammar = common_grammar(
      constraint.tool_calls ? COMMON_GRAMMAR_TYPE_TOOL_CALLS : COMMON_GRAMMAR_TYPE_OUTPUT_FORMAT,
      constraint.grammar);
  p.grammar_lazy = constraint.lazy;
  p.generation_prompt = constraint.generation_prompt;
  for (const std::string& text : constraint.preserved) {
    const auto tokens = model.tokenize(text, false, true);
    if (tokens.size() == 1) p.preserved_tokens.insert(tokens.front());
  }
  for (const Constraint::Trigger& trigger : constraint.triggers) {
    common_grammar_trigger t;
    t.type = static_cast<common_grammar_trigger_type>(trigger.kind);
    t.value = trigger.value;
    if (t.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD) {
      const auto tokens = model.tokenize(trigger.value, false, true);
      if (tokens.size() == 1 && p.preserved_tokens.contains(tokens.front())) {
        t.type = COMMON_GRAMMAR_TRIGGER_TYPE_TOKEN;
        t.token = tokens.front();
      }
    }
    p.grammar_triggers.push_back(std::move(t));
  }
}

bool is_plain_greedy(const common_params_sampling& p, const schema::Sampling& wanted) {
  return p.temp <= 0 && p.grammar.empty() && wanted.logit_bias.empty() && p.penalty_present == 0 &&
         p.penalty_freq == 0 && p.penalty_repeat == 1.0F;
}

}  // namespace

Result<std::unique_ptr<Sampler>> Sampler::make(const Model& model, const schema::Sampling& wanted,
                                               const Constraint& constraint, bool ignore_eos,
                                               std::uint32_t seed_fallback) {
  for (const auto& [token, bias] : wanted.logit_bias) {
    if (token >= 0 && token < model.facts().vocabulary) continue;
    return fail_field("logit_bias", Message::BadToken,
                      {std::to_string(token), std::to_string(model.facts().vocabulary)});
  }
  std::unique_ptr<Sampler> sampler(new Sampler());
  sampler->model_ = &model;
  sampler->wanted_ = wanted;
  sampler->constraint_ = constraint;
  sampler->ignore_eos_ = ignore_eos;
  sampler->seed_ =
      wanted.seed ? static_cast<std::uint32_t>(*wanted.seed & 0xFFFFFFFF) : seed_fallback;
  sampler->follow_thoughts(constraint.thoughts);
  common_params_sampling p = params_of(model, wanted, ignore_eos);
  p.seed = sampler->seed_;
  constrain(p, model, constraint);
  if (is_plain_greedy(p, wanted)) {
    for (const llama_logit_bias& bias : p.logit_bias) sampler->banned_.push_back(bias.token);
    return sampler;
  }
  try {
    sampler->chain_ = common_sampler_init(model.get(), p);
  } catch (const std::exception& e) {
    return fail_field("response_format", Message::BadSchema, {"response_format", e.what()});
  }
  if (sampler->chain_ == nullptr) {
    return fail_field("response_format", Message::BadSchema,
                      {"response_format", last_error_logged()});
  }
  return sampler;
}

Sampler::~Sampler() {
  if (chain_ != nullptr) common_sampler_free(chain_);
}

// Followed where there is a limit, and where a grammar waits for a call.
void Sampler::follow_thoughts(ThoughtLimit limit) {
  const bool waits = !constraint_.grammar.empty() && hides_thoughts();
  if (limit.start == ThoughtLimit::Start::None || (!limit.tokens && !waits)) return;
  limit.closing = model_->tokenize("\n" + limit.close, false, true);
  // SentencePiece puts a space in front of every text.
  if (!limit.closing.empty() && model_->piece(limit.closing.front(), true) == " ") {
    limit.closing.erase(limit.closing.begin());
  }
  thoughts_.emplace(std::move(limit));
}

llama_token Sampler::sample(llama_context* context, int row) {
  const std::optional<Token> due = thoughts_ ? thoughts_->due() : std::nullopt;
  llama_token token = due.value_or(0);
  if (!due && chain_ == nullptr) token = argmax(context, row);
  if (!due && chain_ != nullptr) token = common_sampler_sample(chain_, context, row);
  accept(token);
  return token;
}

void Sampler::accept(llama_token token) {
  const bool follows = thoughts_ && !thoughts_->over();
  if (chain_ != nullptr) {
    const bool hidden = follows && hides_thoughts() && thoughts_->thinking();
    common_sampler_accept(chain_, token, !hidden);
  }
  if (follows) thoughts_->accept(model_->piece(token, true));
}

// The first of equal maxima, as llama.cpp's greedy sampler takes it.
llama_token Sampler::argmax(llama_context* context, int row) const {
  const float* logits = llama_get_logits_ith(context, row);
  const int count = model_->facts().vocabulary;
  if (banned_.empty()) {
    float best = logits[0];  // two simple passes: the first vectorises
    for (int i = 1; i < count; ++i) best = std::max(best, logits[i]);
    return static_cast<llama_token>(std::find(logits, logits + count, best) - logits);
  }
  llama_token best = -1;
  for (int i = 0; i < count; ++i) {
    const bool better = best < 0 || logits[i] > logits[best];
    if (better && std::find(banned_.begin(), banned_.end(), i) == banned_.end()) best = i;
  }
  return best;
}

void Sampler::accept_prompt(const std::vector<llama_token>& tokens) {
  if (chain_ == nullptr) return;
  const std::size_t window = 64;  // penalty_last_n: earlier tokens would be forgotten anyway
  const std::size_t from = tokens.size() > window ? tokens.size() - window : 0;
  for (std::size_t i = from; i < tokens.size(); ++i) {
    if (tokens[i] >= 0) common_sampler_accept(chain_, tokens[i], false);
  }
}

Status Sampler::accept_answer(const std::vector<llama_token>& tokens) {
  if (chain_ == nullptr && !thoughts_) return {};
  try {
    for (const llama_token token : tokens) accept(token);
  } catch (const std::exception& e) {
    return fail_internal(e.what());
  }
  return {};
}

std::unique_ptr<Sampler> Sampler::fork(std::uint32_t choice) const {
  schema::Sampling wanted = wanted_;
  wanted.seed = static_cast<std::int64_t>(seed_) + choice;
  auto made = make(*model_, wanted, constraint_, ignore_eos_, seed_ + choice);
  return made ? std::move(*made) : nullptr;
}

schema::LogprobEntry logprobs_of(const Model& model, llama_context* context, int row,
                                 llama_token chosen, int top) {
  const float* logits = llama_get_logits_ith(context, row);
  const int count = model.facts().vocabulary;
  const float best = *std::max_element(logits, logits + count);
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += std::exp(static_cast<double>(logits[i] - best));
  const double log_sum = std::log(sum) + best;

  std::vector<llama_token> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  const auto middle = order.begin() + std::min(top, count);
  std::partial_sort(order.begin(), middle, order.end(),
                    [logits](llama_token a, llama_token b) { return logits[a] > logits[b]; });
  schema::LogprobEntry entry;
  entry.chosen = {model.piece(chosen, true), logits[chosen] - log_sum};
  for (auto it = order.begin(); it != middle; ++it) {
    entry.top.push_back({model.piece(*it, true), logits[*it] - log_sum});
  }
  return entry;
}

}  // namespace xc::engine::llama

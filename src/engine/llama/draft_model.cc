#include "engine/llama/draft_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

constexpr double kForget = 0.1;  // of the older measurements, with each guess
constexpr std::size_t kSaidAtOnce = 16;
constexpr int kPaddedTokensMax = 128;  // vocabularies of one family differ by unused ends

using SteadyClock = std::chrono::steady_clock;

double ms_since(SteadyClock::time_point begun) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - begun).count();
}

// "" when the tokens of both mean the same.
std::string difference(const llama_vocab* large, const llama_vocab* small) {
  if (llama_vocab_type(large) != llama_vocab_type(small)) return "another kind of tokenizer";
  if (llama_vocab_bos(large) != llama_vocab_bos(small)) return "another first token";
  if (llama_vocab_eos(large) != llama_vocab_eos(small)) return "another last token";
  const int words = llama_vocab_n_tokens(large);
  const int own = llama_vocab_n_tokens(small);
  if (std::abs(words - own) > kPaddedTokensMax) {
    return fmt::format("{} tokens instead of {}", own, words);
  }
  for (Token token = 0; token < std::min(words, own); ++token) {
    const char* theirs = llama_vocab_get_text(large, token);
    const char* ours = llama_vocab_get_text(small, token);
    if (std::strcmp(theirs, ours) != 0) {
      return fmt::format("token {} is '{}' instead of '{}'", token, ours, theirs);
    }
  }
  return {};
}

LoadOptions options_of(const LoadOptions& large) {
  LoadOptions options = large;
  options.model_path = large.draft_path;
  options.projector_path.clear();
  options.name = large.name + " (draft)";
  return options;
}

}  // namespace

DraftModel::DraftModel(std::unique_ptr<Model> model, ContextPtr context)
    : model_(std::move(model)),
      context_(std::move(context)),
      batch_(kReadAtOnce),
      known_(static_cast<std::size_t>(model_->options().sequences)) {}

Result<std::unique_ptr<DraftModel>> DraftModel::open(const Model& large,
                                                     const BackendReport& backends) {
  const LoadOptions options = options_of(large.options());
  XC_TRY(std::unique_ptr<Model> model, Model::open(options, backends));
  std::string wrong = difference(large.vocab(), model->vocab());
  if (!model->can_share_prefixes()) wrong = "its memory cannot take tokens back";
  if (!wrong.empty()) {
    return fail(
        Code::Unavailable, Message::ModelFailed,
        {large.options().name, fmt::format("draft model {}: {}", options.model_path, wrong)});
  }
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(large.facts().cells);
  params.n_batch = params.n_ubatch = kReadAtOnce;
  params.n_seq_max = static_cast<std::uint32_t>(options.sequences);
  params.kv_unified = true;
  params.n_threads = params.n_threads_batch = options.threads;
  params.no_perf = true;
  ContextPtr context(llama_init_from_model(model->get(), params));
  if (context == nullptr) {
    return fail(Code::Unavailable, Message::ModelFailed, {options.name, last_error_logged()});
  }
  std::unique_ptr<DraftModel> made(new DraftModel(std::move(model), std::move(context)));
  // What a guess takes, before anybody decides by it; the first step of a context is slower.
  for (int trial = 0; trial < 2; ++trial) {
    made->token_ms_ = 0;
    made->draft(0, {0, 0}, 2);
    made->forget(0);
  }
  return made;
}

void DraftModel::use_threads(int threads) {
  if (threads == llama_n_threads(context_.get())) return;
  llama_set_n_threads(context_.get(), threads, threads);
}

void DraftModel::forget(int seq) {
  llama_memory_seq_rm(llama_get_memory(context_.get()), seq, -1, -1);
  known_[static_cast<std::size_t>(seq)].clear();
}

// The longest of the others goes: it frees most.
void DraftModel::make_room(int for_seq) {
  int longest = -1;
  for (int seq = 0; seq < static_cast<int>(known_.size()); ++seq) {
    const std::size_t length = known_[static_cast<std::size_t>(seq)].size();
    if (seq == for_seq || length == 0) continue;
    if (longest < 0 || length > known_[static_cast<std::size_t>(longest)].size()) longest = seq;
  }
  forget(longest >= 0 ? longest : for_seq);
}

bool DraftModel::decode() {
  if (llama_decode(context_.get(), batch_.raw()) != 0) return false;
  llama_synchronize(context_.get());
  return true;
}

// All of the tokens are in its cache and the logits of the last are there. False: not yet.
bool DraftModel::read(int seq, const std::vector<Token>& tokens) {
  std::vector<Token>& known = known_[static_cast<std::size_t>(seq)];
  auto same = static_cast<std::size_t>(common_prefix(known, tokens));
  same = std::min(same, tokens.size() - 1);
  if (same < known.size()) {
    llama_memory_seq_rm(llama_get_memory(context_.get()), seq, static_cast<llama_pos>(same), -1);
    known.resize(same);
  }
  const std::size_t end = std::min(tokens.size(), same + kReadAtOnce);
  batch_.clear();
  for (std::size_t at = same; at < end; ++at) {
    if (tokens[at] < 0) return false;  // an image: it sees none
    batch_.add(tokens[at], static_cast<llama_pos>(at), seq, at + 1 == tokens.size());
  }
  if (!decode()) {
    make_room(seq);
    return false;
  }
  known.assign(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(end));
  return end == tokens.size();
}

DraftModel::Best DraftModel::best() const {
  const float* logits = llama_get_logits_ith(context_.get(), -1);
  const int words = llama_vocab_n_tokens(model_->vocab());
  const float* top = std::max_element(logits, logits + words);
  double sum = 0;
  for (int i = 0; i < words; ++i) sum += static_cast<double>(std::exp(logits[i] - *top));
  return {static_cast<Token>(top - logits), 1 / sum};
}

Drafter::Guess DraftModel::draft(int seq, const std::vector<Token>& tokens, int max) {
  Guess guess;
  std::vector<Token>& known = known_[static_cast<std::size_t>(seq)];
  auto begun = SteadyClock::now();
  const std::size_t had = known.size();
  if (tokens.empty() || max <= 0 || !read(seq, tokens)) return guess;
  // What was said since the last guesses is part of their price, a prompt is not.
  if (known.size() > had + kSaidAtOnce) begun = SteadyClock::now();
  while (true) {
    const Best next = best();
    if (next.probability < kSure && token_ms_ > 0) break;
    guess.tokens.push_back(next.token);
    if (static_cast<int>(guess.tokens.size()) == max) break;
    batch_.clear();
    batch_.add(next.token, static_cast<llama_pos>(known.size()), seq, true);
    const auto step = SteadyClock::now();
    if (!decode()) break;  // no room: what there is will do
    known.push_back(next.token);
    const double took = ms_since(step);
    token_ms_ += token_ms_ == 0 ? took : (took - token_ms_) * kForget;
  }
  guess.ms = ms_since(begun);
  return guess;
}

}  // namespace xc::engine::llama

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
      batch_(kDraftReadAtOnce),
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
  params.n_batch = params.n_ubatch = kDraftReadAtOnce;
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
    const std::vector<Token> some(2);
    const Ask ask{0, &some, 2};
    made->draft(std::span(&ask, 1));
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
  known(seq).clear();
}

// The longest goes, it frees most; of those that nobody asks about, if there are any.
void DraftModel::make_room(std::span<const Ask> asks) {
  std::pair<bool, std::size_t> best;  // nobody asks; length
  int longest = -1;
  for (int seq = 0; seq < static_cast<int>(known_.size()); ++seq) {
    const bool asked = std::ranges::any_of(asks, [seq](const Ask& a) { return a.seq == seq; });
    const std::pair<bool, std::size_t> own{!asked, known(seq).size()};
    if (own.second == 0 || own <= best) continue;
    best = own;
    longest = seq;
  }
  if (longest >= 0) forget(longest);
}

bool DraftModel::decode() {
  if (llama_decode(context_.get(), batch_.raw()) != 0) return false;
  llama_synchronize(context_.get());
  return true;
}

// Takes back what the sequence no longer begins with. Returns how much of it is read; the last
// token is read again if need be, for its logits.
std::size_t DraftModel::keep_beginning(const Ask& ask) {
  std::vector<Token>& own = known(ask.seq);
  auto same = static_cast<std::size_t>(common_prefix(own, *ask.tokens));
  same = std::min(same, ask.tokens->size() - 1);
  if (same < own.size()) {
    llama_memory_seq_rm(llama_get_memory(context_.get()), ask.seq, static_cast<llama_pos>(same),
                        -1);
    own.resize(same);
  }
  return same;
}

// One step, those with least to read first. Returns who is read to the end.
std::vector<DraftModel::Reader> DraftModel::read(std::span<const Ask> asks,
                                                 std::vector<Guess>& guesses) {
  std::vector<std::pair<std::size_t, std::size_t>> rests;  // tokens to read; of whom
  for (std::size_t i = 0; i < asks.size(); ++i) {
    const Ask& ask = asks[i];
    const bool text = std::ranges::none_of(*ask.tokens, [](Token t) { return t < 0; });
    if (ask.tokens->empty() || ask.max <= 0 || !text) continue;  // it sees no images
    rests.emplace_back(ask.tokens->size() - keep_beginning(ask), i);
  }
  std::ranges::sort(rests);
  std::vector<Reader> readers;
  batch_.clear();
  for (auto& [rest, i] : rests) {
    const Ask& ask = asks[i];
    rest = std::min(rest, static_cast<std::size_t>(kDraftReadAtOnce - batch_.size()));
    const std::size_t end = known(ask.seq).size() + rest;
    int row = -1;
    for (std::size_t at = known(ask.seq).size(); at < end; ++at) {
      row = batch_.add((*ask.tokens)[at], static_cast<llama_pos>(at), ask.seq,
                       at + 1 == ask.tokens->size());
    }
    if (end == ask.tokens->size()) readers.push_back({&ask, &guesses[i], row});
  }
  const auto begun = SteadyClock::now();
  if (batch_.size() == 0 || !decode()) {
    if (batch_.size() > 0) make_room(asks);
    return {};
  }
  const double token_ms = ms_since(begun) / batch_.size();
  for (const auto& [count, i] : rests) {
    std::vector<Token>& own = known(asks[i].seq);
    const auto from = asks[i].tokens->begin() + static_cast<std::ptrdiff_t>(own.size());
    own.insert(own.end(), from, from + static_cast<std::ptrdiff_t>(count));
    // What was said since the last guesses is part of their price, a prompt is not.
    if (count <= kSaidAtOnce) guesses[i].ms += token_ms * static_cast<double>(count);
  }
  return readers;
}

DraftModel::Best DraftModel::best(int row) const {
  const float* logits = llama_get_logits_ith(context_.get(), row);
  const int words = llama_vocab_n_tokens(model_->vocab());
  const float* top = std::max_element(logits, logits + words);
  double sum = 0;
  for (int i = 0; i < words; ++i) sum += static_cast<double>(std::exp(logits[i] - *top));
  return {static_cast<Token>(top - logits), 1 / sum};
}

// Puts its next guess into the batch. False: it has no further one, or enough.
bool DraftModel::guess_next(Reader& reader) {
  const Best next = best(reader.row);
  if (next.probability < kSure && token_ms_ > 0) return false;
  reader.guess->tokens.push_back(next.token);
  if (static_cast<int>(reader.guess->tokens.size()) == reader.ask->max) return false;
  const int seq = reader.ask->seq;
  reader.row = batch_.add(next.token, static_cast<llama_pos>(known(seq).size()), seq, true);
  return true;
}

std::vector<Drafter::Guess> DraftModel::draft(std::span<const Ask> asks) {
  std::vector<Guess> guesses(asks.size());
  std::vector<Reader> readers = read(asks, guesses);
  while (!readers.empty()) {
    batch_.clear();
    std::erase_if(readers, [this](Reader& reader) {
      const auto begun = SteadyClock::now();
      const bool more = guess_next(reader);
      reader.guess->ms += ms_since(begun);
      return !more;
    });
    const auto begun = SteadyClock::now();
    if (readers.empty() || !decode()) break;  // no room: what there is will do
    const double took = ms_since(begun) / static_cast<double>(readers.size());
    token_ms_ += token_ms_ == 0 ? took : (took - token_ms_) * kForget;
    for (const Reader& reader : readers) {
      known(reader.ask->seq).push_back(reader.guess->tokens.back());
      reader.guess->ms += took;
    }
  }
  return guesses;
}

}  // namespace xc::engine::llama

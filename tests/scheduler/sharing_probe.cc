// How far log-probabilities move when the same tokens are computed in other circumstances, with
// llama.cpp alone. Answers one question: is a difference between a shared sequence and an
// undisturbed one a fault of sharing, or rounding?
//
// usage: sharing_probe MODEL BACKENDS [UNROUNDED] < chats
//
// The cache is as the worker opens it: f16, flash attention. With UNROUNDED, the name of a file to
// write: everything in f32, the weights too, and no flash attention. (Quantised weights meet
// activations of eight bits: there the last bit of a sum decides a whole step.)
//
// Four lines of token ids a case: the first turn of a chat, its second turn (which begins with the
// first), the first turn of another chat, and the tokens that are decoded one by one at each end.
// A line of output a case: the largest difference in nats among the ten likeliest tokens of each
// row, against the second turn in a sequence of its own in the same two batches, of
//
//     batch       the second turn in one batch
//     neighbours  the same batches, beside another chat that shares its beginning
//     fork        the same, in a sequence that shares the whole first turn
//     order       the same batches, where the second turn finds room before the first
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/llama/cell_order.h"

namespace {

using Tokens = std::vector<llama_token>;
using Rows = std::vector<std::vector<double>>;  // log-probabilities

struct Case {
  Tokens first, second, other, said;
};

std::size_t common(const Tokens& a, const Tokens& b) {
  std::size_t n = 0;
  while (n < std::min(a.size(), b.size()) && a[n] == b[n]) ++n;
  return n;
}

class Cache {
 public:
  explicit Cache(llama_context* context) : context_(context), batch_(llama_batch_init(512, 0, 1)) {
    llama_memory_clear(llama_get_memory(context_), true);
  }
  ~Cache() { llama_batch_free(batch_); }

  // tokens[from, to) of a sequence as one batch. The log-probabilities after the last.
  std::vector<double> compute(int seq, const Tokens& tokens, std::size_t from, std::size_t to) {
    batch_.n_tokens = static_cast<int>(to - from);
    for (std::size_t i = from; i < to; ++i) {
      const std::size_t row = i - from;
      batch_.token[row] = tokens[i];
      batch_.pos[row] = static_cast<int>(i);
      batch_.n_seq_id[row] = 1;
      batch_.seq_id[row][0] = seq;
      batch_.logits[row] = i + 1 == to ? 1 : 0;
    }
    if (llama_decode(context_, batch_) != 0) std::abort();
    const float* logits = llama_get_logits_ith(context_, batch_.n_tokens - 1);
    const int words = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context_)));
    const float best = *std::max_element(logits, logits + words);
    double sum = 0;
    for (int i = 0; i < words; ++i) sum += std::exp(static_cast<double>(logits[i] - best));
    std::vector<double> row(logits, logits + words);
    for (double& value : row) value -= best + std::log(sum);
    return row;
  }
  // A turn: what is new of it as one batch, then what was said, one by one.
  Rows turn(int seq, Tokens tokens, std::size_t known, const Tokens& said) {
    Rows rows{compute(seq, tokens, known, tokens.size())};
    for (const llama_token token : said) {
      tokens.push_back(token);
      rows.push_back(compute(seq, tokens, tokens.size() - 1, tokens.size()));
    }
    return rows;
  }
  void share(int src, int dst, std::size_t end) {
    llama_memory_seq_cp(llama_get_memory(context_), src, dst, 0, static_cast<int>(end));
  }
  void cut(int seq, std::size_t from) {
    llama_memory_seq_rm(llama_get_memory(context_), seq, static_cast<int>(from), -1);
  }

 private:
  llama_context* context_;
  llama_batch batch_;
};

double apart(const Rows& reference, const Rows& rows) {
  constexpr std::ptrdiff_t kLikeliest = 10;
  double most = 0;
  for (std::size_t r = 0; r < reference.size(); ++r) {
    std::vector<std::size_t> order(reference[r].size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::partial_sort(
        order.begin(), order.begin() + kLikeliest, order.end(),
        [&](std::size_t a, std::size_t b) { return reference[r][a] > reference[r][b]; });
    for (std::ptrdiff_t i = 0; i < kLikeliest; ++i) {
      const std::size_t word = order[static_cast<std::size_t>(i)];
      most = std::max(most, std::abs(reference[r][word] - rows[r][word]));
    }
  }
  return most;
}

void measure(llama_context* context, const Case& c) {
  const std::size_t known = c.first.size();
  Rows alone;
  {
    Cache cache(context);
    cache.turn(0, c.first, 0, c.said);
    cache.cut(0, known);
    alone = cache.turn(0, c.second, known, c.said);
  }
  Rows whole;
  {
    Cache cache(context);
    whole = cache.turn(0, c.second, 0, c.said);
  }
  Rows beside;
  Rows fork;
  {
    Cache cache(context);
    cache.turn(0, c.first, 0, c.said);
    const std::size_t shared = common(c.first, c.other);
    cache.share(0, 1, shared);
    cache.turn(1, c.other, shared, c.said);
    cache.share(0, 2, known);
    cache.cut(0, known);
    beside = cache.turn(0, c.second, known, c.said);
    fork = cache.turn(2, c.second, known, c.said);
  }
  Rows moved;
  {
    Cache cache(context);
    cache.turn(1, c.other, 0, c.said);
    cache.turn(0, c.first, 0, c.said);
    cache.cut(0, known);
    cache.cut(1, 0);
    moved = cache.turn(0, c.second, known, c.said);
  }
  std::printf("batch %.6f neighbours %.6f fork %.6f order %.6f\n", apart(alone, whole),
              apart(alone, beside), apart(alone, fork), apart(alone, moved));
}

bool write_unrounded(const char* from, const char* to) {
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.ftype = LLAMA_FTYPE_ALL_F32;
  params.allow_requantize = true;
  params.nthread = 1;
  return llama_model_quantize(from, to, &params) == 0;
}

bool read(Tokens& tokens) {
  std::string line;
  if (!std::getline(std::cin, line)) return false;
  std::istringstream in(line);
  for (llama_token token = 0; in >> token;) tokens.push_back(token);
  return !tokens.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return 2;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  ggml_backend_load_all_from_path(argv[2]);
  const bool exact = argc == 4;
  if (exact && !write_unrounded(argv[1], argv[3])) return 1;
  llama_model* model =
      llama_model_load_from_file(argv[exact ? 3 : 1], llama_model_default_params());
  if (model == nullptr) return 1;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 2048;
  params.n_batch = params.n_ubatch = 512;
  params.n_seq_max = 4;
  params.kv_unified = true;
  params.flash_attn_type = exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.type_k = params.type_v = exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
  params.n_threads = params.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) return 1;
  {
    const xc::engine::llama::CellOrder order(context);
    for (Case c; read(c.first) && read(c.second) && read(c.other) && read(c.said); c = Case{}) {
      measure(context, c);
    }
  }
  llama_free(context);
  llama_model_free(model);
}

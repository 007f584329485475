// llama.cpp's own greedy answers, without any of this program: the simplest loop that its API
// allows. usage: greedy_reference MODEL TOKENS BACKENDS < prompts;
// BACKENDS is the folder of the CPU variants. A line of input is a prompt's token ids separated by
// blanks, a line of output is the answer's, up to and without the end of generation.
// With the word `score` for TOKENS: the log-probability of each token of the prompt but the first.
#include <dlfcn.h>
#include <link.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

llama_token best_of(const float* logits, int count) {
  int best = 0;
  for (int i = 1; i < count; ++i) {
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

// A fresh cache for every prompt: one sequence, nothing shared.
void answer(llama_context* context, std::vector<llama_token> tokens, int tokens_max) {
  const llama_vocab* vocab = llama_model_get_vocab(llama_get_model(context));
  llama_memory_clear(llama_get_memory(context), true);
  llama_batch batch = llama_batch_get_one(tokens.data(), static_cast<int>(tokens.size()));
  llama_token next = 0;
  for (int i = 0; i < tokens_max; ++i) {
    if (llama_decode(context, batch) != 0) std::abort();
    next = best_of(llama_get_logits_ith(context, -1), llama_vocab_n_tokens(vocab));
    if (llama_vocab_is_eog(vocab, next)) break;
    std::printf("%d ", next);
    batch = llama_batch_get_one(&next, 1);
  }
  std::printf("\n");
}

double logprob(const float* logits, int count, llama_token token) {
  const float best = *std::max_element(logits, logits + count);
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += std::exp(static_cast<double>(logits[i] - best));
  return logits[token] - best - std::log(sum);
}

// In batches of as many tokens as the program scores in a step.
void score(llama_context* context, const std::vector<llama_token>& tokens) {
  constexpr int kRows = 32;
  const int words = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context)));
  const int count = static_cast<int>(tokens.size());
  llama_memory_clear(llama_get_memory(context), true);
  llama_batch batch = llama_batch_init(kRows, 0, 1);
  for (int from = 0; from < count; from += kRows) {
    batch.n_tokens = std::min(kRows, count - from);
    for (int i = 0; i < batch.n_tokens; ++i) {
      batch.token[i] = tokens[static_cast<std::size_t>(from + i)];
      batch.pos[i] = from + i;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = 1;
    }
    if (llama_decode(context, batch) != 0) std::abort();
    for (int i = 0; i < batch.n_tokens && from + i + 1 < count; ++i) {
      const llama_token next = tokens[static_cast<std::size_t>(from + i + 1)];
      std::printf("%.6f ", logprob(llama_get_logits_ith(context, i), words, next));
    }
  }
  llama_batch_free(batch);
  std::printf("\n");
}

}  // namespace

// The program's own kernels are compiled into the CPU variants: here ggml computes everything, and
// plain C++ the products whose order of sums is the program's own (AVX2).
void use_no_kernels() {
  int switched = 0;
  const auto visit = [](dl_phdr_info* library, std::size_t, void* count) {
    if (std::strstr(library->dlpi_name, "libggml-cpu-") == nullptr) return 0;
    void* handle = dlopen(library->dlpi_name, RTLD_NOW | RTLD_NOLOAD);
    const auto off = reinterpret_cast<void (*)()>(dlsym(handle, "xc_switch_kernels_off"));
    if (off == nullptr) return 0;
    off();
    ++*static_cast<int*>(count);
    return 0;
  };
  dl_iterate_phdr(visit, &switched);
  if (switched != 1) std::abort();  // one variant is loaded
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  ggml_backend_load_all_from_path(argv[3]);
  use_no_kernels();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) return 1;
  // As the worker opens it: micro-batch, flash attention by itself, f16 cache.
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 8192;
  params.n_batch = 2048;
  params.n_ubatch = 512;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.type_k = params.type_v = GGML_TYPE_F16;
  // Alone, so that a busy neighbour does not stall the library's spinning barriers.
  params.n_threads = params.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) return 1;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::vector<llama_token> tokens;
    for (llama_token token = 0; in >> token;) tokens.push_back(token);
    if (std::string(argv[2]) == "score") {
      score(context, tokens);
    } else {
      answer(context, tokens, std::atoi(argv[2]));
    }
  }
  llama_free(context);
  llama_model_free(model);
}

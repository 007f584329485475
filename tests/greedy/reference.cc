// llama.cpp's own greedy answers, without any of this program: the simplest loop that its API
// allows. usage: greedy_reference MODEL TOKENS BACKENDS < prompts;
// BACKENDS is the folder of the CPU variants. A line of input is a prompt's token ids separated by
// blanks, a line of output is the answer's, up to and without the end of generation.
#include <llama.h>

#include <cstdio>
#include <cstdlib>
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  ggml_backend_load_all_from_path(argv[3]);
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
    answer(context, tokens, std::atoi(argv[2]));
  }
  llama_free(context);
  llama_model_free(model);
}

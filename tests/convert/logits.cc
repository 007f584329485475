// llama.cpp's logits for a converted file, without the rest of this program.
// usage: convert_logits MODEL STEPS BACKENDS OUT < prompts
//   A line of input is a prompt's token ids. OUT gets, for each prompt, three int32 (positions,
//   steps, vocabulary) and that many rows of f32 logits: every position of the prompt, decoded as
//   one batch, then STEPS greedy tokens decoded one by one from the cache.
// usage: convert_logits MODEL tokenize BACKENDS OUT < texts
//   A line of input is a text in which \n stands for a newline; a line of OUT is its token ids.
// usage: convert_logits MODEL roundtrip BACKENDS OUT < texts
//   A line of input is a text in hex; a line of OUT is its token ids, "|", and what they say in
//   hex.
// usage: convert_logits MODEL detokenize BACKENDS OUT < ids
//   A line of input is token ids; a line of OUT is what they say in hex.
#include <llama.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

void put(std::FILE* out, const void* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, out) != bytes) std::abort();
}

llama_token best_of(const float* logits, int count) {
  int best = 0;
  for (int i = 1; i < count; ++i) {
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

void answer(llama_context* context, const std::vector<llama_token>& tokens, int steps,
            std::FILE* out) {
  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context)));
  llama_memory_clear(llama_get_memory(context), true);
  const int positions = static_cast<int>(tokens.size());
  llama_batch batch = llama_batch_init(positions, 0, 1);
  batch.n_tokens = positions;
  for (int i = 0; i < positions; ++i) {
    batch.token[i] = tokens[static_cast<std::size_t>(i)];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  if (llama_decode(context, batch) != 0) std::abort();
  const int head[3] = {positions, steps, vocabulary};
  const std::size_t row = sizeof(float) * static_cast<std::size_t>(vocabulary);
  put(out, head, sizeof head);
  for (int i = 0; i < positions; ++i) put(out, llama_get_logits_ith(context, i), row);
  llama_batch_free(batch);
  llama_token next = best_of(llama_get_logits_ith(context, positions - 1), vocabulary);
  for (int i = 0; i < steps; ++i) {
    if (llama_decode(context, llama_batch_get_one(&next, 1)) != 0) std::abort();
    const float* logits = llama_get_logits_ith(context, -1);
    put(out, logits, row);
    next = best_of(logits, vocabulary);
  }
}

std::vector<llama_token> tokens_of(const llama_model* model, const std::string& text,
                                   std::FILE* out) {
  std::vector<llama_token> tokens(text.size() + 16);
  const int count =
      llama_tokenize(llama_model_get_vocab(model), text.data(), static_cast<int>(text.size()),
                     tokens.data(), static_cast<int>(tokens.size()), false, true);
  if (count < 0) std::abort();
  tokens.resize(static_cast<std::size_t>(count));
  for (const llama_token token : tokens) std::fprintf(out, "%d ", token);
  return tokens;
}

void tokenize(const llama_model* model, std::string text, std::FILE* out) {
  for (std::size_t at; (at = text.find("\\n")) != std::string::npos;) text.replace(at, 2, "\n");
  tokens_of(model, text, out);
  std::fprintf(out, "\n");
}

void put_text(const llama_model* model, const std::vector<llama_token>& tokens, std::FILE* out) {
  std::string text(tokens.size() * 64 + 4096, '\0');
  const int bytes =
      llama_detokenize(llama_model_get_vocab(model), tokens.data(), static_cast<int>(tokens.size()),
                       text.data(), static_cast<int>(text.size()), false, true);
  if (bytes < 0) std::abort();
  for (int i = 0; i < bytes; ++i) {
    std::fprintf(out, "%02x", static_cast<unsigned char>(text[static_cast<std::size_t>(i)]));
  }
  std::fprintf(out, "\n");
}

std::vector<llama_token> ids_in(const std::string& line) {
  std::istringstream in(line);
  std::vector<llama_token> tokens;
  for (llama_token token = 0; in >> token;) tokens.push_back(token);
  return tokens;
}

void round_trip(const llama_model* model, const std::string& hex, std::FILE* out) {
  std::string text;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  const std::vector<llama_token> tokens = tokens_of(model, text, out);
  std::fprintf(out, "|");
  put_text(model, tokens, out);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  ggml_backend_load_all_from_path(argv[3]);
  llama_model_params model_params = llama_model_default_params();
  model_params.load_mtp = true;  // checks the names and shapes of those layers too
  llama_model* model = llama_model_load_from_file(argv[1], model_params);
  std::FILE* out = std::fopen(argv[4], "wb");
  if (model == nullptr || out == nullptr) return 1;
  // Everything in f32: what differs from a reference is the conversion's.
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 512;
  params.n_batch = params.n_ubatch = 512;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.n_threads = params.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) return 1;
  for (std::string line; std::getline(std::cin, line);) {
    if (std::strcmp(argv[2], "tokenize") == 0) {
      tokenize(model, line, out);
      continue;
    }
    if (std::strcmp(argv[2], "roundtrip") == 0) {
      round_trip(model, line, out);
      continue;
    }
    if (std::strcmp(argv[2], "detokenize") == 0) {
      put_text(model, ids_in(line), out);
      continue;
    }
    answer(context, ids_in(line), std::atoi(argv[2]), out);
  }
  llama_free(context);
  llama_model_free(model);
  return std::fclose(out) == 0 ? 0 : 1;
}

#include "engine/llama/model.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

// FNV-1a over metadata and sizes: names the model in fingerprints without reading the weights.
std::string digest_of(const llama_model* model) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&hash](std::string_view text) {
    for (const char c : text) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 0x100000001b3ULL;
    }
  };
  std::array<char, 256> buffer{};
  for (int i = 0; i < llama_model_meta_count(model); ++i) {
    llama_model_meta_key_by_index(model, i, buffer.data(), buffer.size());
    mix(buffer.data());
    llama_model_meta_val_str_by_index(model, i, buffer.data(), buffer.size());
    mix(buffer.data());
  }
  mix(fmt::format("{} {}", llama_model_size(model), llama_model_n_params(model)));
  return fmt::format("{:016x}", hash);
}

Facts facts_of(const llama_model* model, const LoadOptions& options) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  Facts f;
  f.name = options.name;
  std::array<char, 256> text{};
  llama_model_desc(model, text.data(), text.size());
  f.description = text.data();
  text[0] = '\0';
  llama_model_meta_val_str(model, "general.architecture", text.data(), text.size());
  f.architecture = text.data();
  f.digest = digest_of(model);
  const int trained = llama_model_n_ctx_train(model);
  f.context = trained > 0 ? std::min(options.context, trained) : options.context;
  f.cells = options.cells > 0 ? options.cells : std::max(f.context, 8192);
  f.cells = std::max(f.cells, f.context);
  f.vocabulary = llama_vocab_n_tokens(vocab);
  f.embedding = llama_model_n_embd_out(model);
  f.parameters = llama_model_n_params(model);
  f.bytes = llama_model_size(model);
  const bool generates = llama_model_has_decoder(model) && !llama_model_is_diffusion(model);
  const bool causal_text = generates && f.architecture.find("bert") == std::string::npos;
  f.chat = causal_text;  // until its template is known
  f.embeddings = true;
  f.infill = llama_vocab_fim_pre(vocab) != LLAMA_TOKEN_NULL &&
             llama_vocab_fim_suf(vocab) != LLAMA_TOKEN_NULL &&
             llama_vocab_fim_mid(vocab) != LLAMA_TOKEN_NULL;
  // Every model reports one class output; only rank pooling makes it a score.
  text[0] = '\0';
  const std::string pooling = f.architecture + ".pooling_type";
  llama_model_meta_val_str(model, pooling.c_str(), text.data(), text.size());
  f.rerank = text.data() == std::to_string(LLAMA_POOLING_TYPE_RANK) &&
             llama_model_cls_label(model, 0) == nullptr;
  return f;
}

}  // namespace

Result<std::unique_ptr<Model>> Model::open(const LoadOptions& options,
                                           const BackendReport& backends) {
  std::unique_ptr<Model> model(new Model());
  model->options_ = options;
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = options.gpu_layers < 0 ? 999 : options.gpu_layers;
  model->model_.reset(llama_model_load_from_file(options.model_path.c_str(), params));
  if (model->model_ == nullptr) {
    return fail(Code::Unavailable, Message::ModelFailed, {options.name, last_error_logged()});
  }
  model->vocab_ = llama_model_get_vocab(model->model_.get());
  model->facts_ = facts_of(model->model_.get(), options);
  model->facts_.cpu_variant = backends.cpu_variant;
  model->facts_.devices = backends.devices;
  model->facts_.self_test = backends.self_test;
  model->can_share_ = !llama_model_is_recurrent(model->model_.get()) &&
                      !llama_model_is_hybrid(model->model_.get()) &&
                      llama_model_n_swa(model->model_.get()) == 0;
  return model;
}

std::vector<llama_token> Model::tokenize(std::string_view text, bool add_special,
                                         bool parse_special) const {
  std::vector<llama_token> tokens(text.size() + 8);
  const auto length = static_cast<std::int32_t>(text.size());
  int count = llama_tokenize(vocab_, text.data(), length, tokens.data(),
                             static_cast<std::int32_t>(tokens.size()), add_special, parse_special);
  if (count < 0) {
    tokens.resize(static_cast<std::size_t>(-count));
    count = llama_tokenize(vocab_, text.data(), length, tokens.data(),
                           static_cast<std::int32_t>(tokens.size()), add_special, parse_special);
  }
  tokens.resize(static_cast<std::size_t>(std::max(count, 0)));
  return tokens;
}

std::string Model::piece(llama_token token, bool special) const {
  std::array<char, 64> small{};
  const int n = llama_token_to_piece(vocab_, token, small.data(), small.size(), 0, special);
  if (n >= 0) return std::string(small.data(), static_cast<std::size_t>(n));
  std::string large(static_cast<std::size_t>(-n), '\0');
  llama_token_to_piece(vocab_, token, large.data(), -n, 0, special);
  return large;
}

std::string Model::detokenize(const std::vector<llama_token>& tokens) const {
  std::string text(tokens.size() * 4 + 16, '\0');
  const auto count = static_cast<std::int32_t>(tokens.size());
  int n = llama_detokenize(vocab_, tokens.data(), count, text.data(),
                           static_cast<std::int32_t>(text.size()), false, true);
  if (n < 0) {
    text.resize(static_cast<std::size_t>(-n));
    n = llama_detokenize(vocab_, tokens.data(), count, text.data(),
                         static_cast<std::int32_t>(text.size()), false, true);
  }
  text.resize(static_cast<std::size_t>(std::max(n, 0)));
  return text;
}

std::string Model::metadata(const char* key) const {
  std::array<char, 256> text{};
  const int n = llama_model_meta_val_str(model_.get(), key, text.data(), text.size());
  return n < 0 ? std::string() : std::string(text.data());
}

}  // namespace xc::engine::llama

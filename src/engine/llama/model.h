// One loaded model: weights, vocabulary, facts. Immutable after open; thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/llama/backend.h"
#include "engine/llama/handles.h"

namespace xc::engine::llama {

class Model {
 public:
  // Error: ModelFailed with what the loader said.
  static Result<std::unique_ptr<Model>> open(const LoadOptions& options,
                                             const BackendReport& backends);

  llama_model* get() const { return model_.get(); }
  const llama_vocab* vocab() const { return vocab_; }
  const Facts& facts() const { return facts_; }
  Facts& facts() { return facts_; }  // while opening
  const LoadOptions& options() const { return options_; }
  // Partial removal and ranged copies work in this model's memory (not in recurrent, hybrid and
  // sliding-window caches).
  bool can_share_prefixes() const { return can_share_; }

  std::vector<llama_token> tokenize(std::string_view text, bool add_special,
                                    bool parse_special) const;
  // The bytes of a token; control tokens only when `special`.
  std::string piece(llama_token token, bool special) const;
  bool ends_generation(llama_token token) const { return llama_vocab_is_eog(vocab_, token); }
  std::string detokenize(const std::vector<llama_token>& tokens) const;
  std::string metadata(const char* key) const;  // empty when absent

 private:
  Model() = default;
  LoadOptions options_;
  ModelPtr model_;
  const llama_vocab* vocab_ = nullptr;
  Facts facts_;
  bool can_share_ = true;
};

}  // namespace xc::engine::llama

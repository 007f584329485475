#include "convert/hf_config.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <initializer_list>

#include "base/limits.h"
#include "convert/weights_file.h"

namespace xc::convert {
namespace {

namespace json = boost::json;

constexpr std::size_t kConfigDepthMax = 16;

// Reads fields of one object under any of several names. The first wrong one sticks; later reads
// give defaults, so a caller reads all and asks once.
class Fields {
 public:
  explicit Fields(const json::object& object, std::string* reason)
      : object_(object), reason_(reason) {}

  using Names = std::initializer_list<std::string_view>;

  const json::value* find(Names names) const {
    for (const std::string_view name : names) {
      const json::value* value = object_.if_contains(name);
      if (value != nullptr && !value->is_null()) return value;
    }
    return nullptr;
  }
  std::optional<std::uint32_t> count(Names names, std::uint32_t count_max) {
    const json::value* value = find(names);
    if (value == nullptr) return std::nullopt;
    boost::system::error_code error;
    const auto number = value->is_number() ? value->to_number<std::int64_t>(error) : -1;
    if (error || number < 0 || number > count_max) {
      wrong(*names.begin(), fmt::format("an integer from 0 to {}", count_max));
      return std::nullopt;
    }
    return static_cast<std::uint32_t>(number);
  }
  std::uint32_t needed(Names names, std::uint32_t count_max) {
    const auto value = count(names, count_max);
    if (!value || *value == 0) {
      wrong(*names.begin(), fmt::format("an integer from 1 to {}", count_max));
      return 1;
    }
    return *value;
  }
  std::optional<double> number(Names names) {
    const json::value* value = find(names);
    if (value == nullptr) return std::nullopt;
    const double read = value->is_number() ? value->to_number<double>() : NAN;
    if (!std::isfinite(read) || std::fabs(read) > 1e15) {
      wrong(*names.begin(), "a finite number");
      return std::nullopt;
    }
    return read;
  }
  double positive(Names names, double otherwise) {
    const auto value = number(names);
    if (value && *value <= 0) wrong(*names.begin(), "a number above 0");
    return value.value_or(otherwise);
  }
  std::optional<bool> flag(Names names) {
    const json::value* value = find(names);
    if (value == nullptr) return std::nullopt;
    if (!value->is_bool()) {
      wrong(*names.begin(), "true or false");
      return std::nullopt;
    }
    return value->get_bool();
  }
  std::string text(Names names) {
    const json::value* value = find(names);
    if (value == nullptr) return {};
    if (!value->is_string()) {
      wrong(*names.begin(), "a string");
      return {};
    }
    return std::string(value->get_string());
  }
  const json::object* object(Names names) {
    const json::value* value = find(names);
    return value == nullptr ? nullptr : value->if_object();
  }
  // A token id: a number, or the first of a list of them.
  std::optional<std::uint32_t> token(Names names) {
    const json::value* value = find(names);
    if (value != nullptr && value->is_array()) {
      if (value->get_array().empty()) return std::nullopt;
      value = &value->get_array()[0];
    }
    if (value == nullptr || !value->is_int64() || value->get_int64() < 0 ||
        value->get_int64() > limits::kVocabularyMax) {
      return std::nullopt;  // some releases write -1 for "none"
    }
    return static_cast<std::uint32_t>(value->get_int64());
  }

 private:
  void wrong(std::string_view name, const std::string& expected) {
    if (reason_->empty()) *reason_ = fmt::format("the field '{}' must be {}", name, expected);
  }

  const json::object& object_;
  std::string* reason_;
};

void read_shape(Fields& in, HfConfig& out) {
  out.layers = in.needed({"num_hidden_layers", "n_layer"}, limits::kModelLayersMax);
  out.hidden = in.needed({"hidden_size", "n_embd"}, limits::kModelWidthMax);
  out.heads = in.needed({"num_attention_heads", "n_head"}, limits::kModelHeadsMax);
  out.heads_kv =
      in.count({"num_key_value_heads", "num_kv_heads"}, limits::kModelHeadsMax).value_or(0);
  if (out.heads_kv == 0) out.heads_kv = out.heads;  // absent: every head has its own
  out.head_dim = in.count({"head_dim"}, limits::kModelWidthMax).value_or(0);
  if (out.head_dim == 0) out.head_dim = out.hidden / out.heads;
  out.ffn = in.count({"intermediate_size", "ffn_hidden_size", "n_inner"}, limits::kModelWidthMax)
                .value_or(0);
  out.vocab = in.needed({"vocab_size"}, limits::kVocabularyMax);
  out.context =
      in.count({"max_position_embeddings", "seq_length", "n_positions", "training_seqlen"},
               limits::kModelContextMax)
          .value_or(0);
  out.norm_eps = in.positive({"rms_norm_eps", "layer_norm_epsilon", "layernorm_epsilon"}, 1e-5);
  if (in.find({"layer_norm_epsilon"}) != nullptr) {
    out.layer_norm_eps = in.positive({"layer_norm_epsilon"}, 1e-5);
  }
  out.tied = in.flag({"tie_word_embeddings"});
  out.activation = in.text({"hidden_act", "activation_function", "hidden_activation"});
  const bool window = in.flag({"use_sliding_window"}).value_or(true);
  out.sliding_window = in.count({"sliding_window"}, limits::kModelContextMax).value_or(0);
  if (!window) out.sliding_window = 0;
}

void read_rope(Fields& in, HfConfig& out, std::string* reason) {
  out.rope_theta =
      in.positive({"rope_theta", "rotary_emb_base", "rope_base", "rotary_theta"}, 10'000);
  const json::object* scaling = in.object({"rope_scaling", "rope_parameters"});
  if (scaling == nullptr) return;
  Fields rope(*scaling, reason);
  out.rope_theta = rope.positive({"rope_theta"}, out.rope_theta);
  out.rope.type = rope.text({"rope_type", "type"});
  if (out.rope.type == "default") out.rope.type.clear();
  out.rope.factor = rope.positive({"factor"}, 1);
  out.rope.original_context =
      rope.count({"original_max_position_embeddings"}, limits::kModelContextMax).value_or(0);
  out.rope.beta_fast = rope.positive({"beta_fast"}, 32);
  out.rope.beta_slow = rope.positive({"beta_slow"}, 1);
  out.rope.mscale = rope.number({"mscale"}).value_or(1);
  out.rope.mscale_all_dim = rope.number({"mscale_all_dim"}).value_or(0);
  out.rope.low_freq_factor = rope.positive({"low_freq_factor"}, 1);
  out.rope.high_freq_factor = rope.positive({"high_freq_factor"}, 4);
  out.rope.attention_factor = rope.number({"attention_factor"});
}

void read_mla_and_moe(Fields& in, HfConfig& out) {
  constexpr std::uint32_t kWidth = limits::kModelWidthMax;
  out.kv_lora = in.count({"kv_lora_rank"}, kWidth).value_or(0);
  out.q_lora = in.count({"q_lora_rank"}, kWidth).value_or(0);
  if (out.kv_lora != 0) {
    out.nope_dim = in.needed({"qk_nope_head_dim"}, kWidth);
    out.rope_dim = in.needed({"qk_rope_head_dim"}, kWidth);
    out.value_dim = in.needed({"v_head_dim"}, kWidth);
  }
  out.rope_interleaved = in.flag({"rope_interleave"}).value_or(true);
  out.experts = in.count({"n_routed_experts", "num_experts", "num_local_experts", "expert_num"},
                         limits::kModelExpertsMax)
                    .value_or(0);
  if (out.experts != 0) {
    out.experts_used = in.needed({"num_experts_per_tok", "num_experts_chosen", "moe_topk",
                                  "moe_router_topk", "num_chosen_experts"},
                                 limits::kModelExpertsMax);
    out.expert_ffn =
        in.count({"moe_intermediate_size", "expert_ffn_hidden_size"}, kWidth).value_or(out.ffn);
  }
  out.experts_shared =
      in.count({"n_shared_experts", "shared_expert_num"}, limits::kModelExpertsMax).value_or(0);
  out.dense_layers = in.count({"first_k_dense_replace"}, limits::kModelLayersMax).value_or(0);
  out.moe_every = in.count({"moe_layer_freq"}, limits::kModelLayersMax).value_or(1);
  out.groups = in.count({"n_group"}, limits::kModelExpertsMax).value_or(0);
  out.groups_used = in.count({"topk_group"}, limits::kModelExpertsMax).value_or(0);
  out.scoring = in.text({"scoring_func", "moe_router_score_function"});
  out.topk_method = in.text({"topk_method"});
  out.norm_topk = in.flag({"norm_topk_prob"});
  out.routed_scale = in.positive({"routed_scaling_factor"}, 1);
  out.mtp_layers = in.count({"num_nextn_predict_layers"}, limits::kModelLayersMax).value_or(0);
}

void read_telechat(Fields& in, HfConfig& out) {
  out.base_length = in.count({"base_seqlen"}, limits::kModelContextMax);
  out.trained_length = in.count({"training_seqlen"}, limits::kModelContextMax);
  out.mup_scale = in.positive({"mup_scale_factor"}, 1);
  out.output_scale = in.positive({"output_mult"}, 1);
  out.input_scale = in.positive({"input_mult"}, 1);
  out.post_norm_residual = in.flag({"apply_residual_connection_post_layernorm"}).value_or(false);
  out.embed_norm = in.flag({"embed_layernorm"}).value_or(false);
}

// Relatives of Llama with the same tensors and other arithmetic say so in one of these.
constexpr std::string_view kForeign[] = {
    "attention_multiplier",
    "attn_logit_softcapping",
    "clip_qkv",
    "dim_model_base",
    "embedding_multiplier",
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "no_rope_layers",
    "partial_rotary_factor",
    "query_pre_attn_scalar",
    "residual_multiplier",
    "scale_depth",
    "scale_emb",
    "use_parallel_residual",
};

bool is_neutral(const json::value& value) {
  if (value.is_bool()) return !value.get_bool();
  if (value.is_number()) return value.to_number<double>() == 1 || value.to_number<double>() == 0;
  return value.is_array() && value.get_array().empty();
}

void read_foreign(const Fields& in, HfConfig& out) {
  for (const std::string_view name : kForeign) {
    const json::value* value = in.find({name});
    if (value != nullptr && !is_neutral(*value) && out.foreign.empty()) out.foreign = name;
  }
}

void read_quantization(Fields& in, HfConfig& out, std::string* reason) {
  const json::object* object = in.object({"quantization_config"});
  if (object == nullptr) return;
  Fields fields(*object, reason);
  out.quantization = fields.text({"quant_method"});
  const json::value* block = fields.find({"weight_block_size"});
  if (block == nullptr) return;
  const json::array* sizes = block->if_array();
  const auto size_at = [&](std::size_t i) -> std::uint32_t {
    if (sizes == nullptr || sizes->size() != 2 || !(*sizes)[i].is_int64()) return 0;
    const std::int64_t size = (*sizes)[i].get_int64();
    return size > 0 && size <= 1 << 16 ? static_cast<std::uint32_t>(size) : 0;
  };
  out.fp8_block_rows = size_at(0);
  out.fp8_block_cols = size_at(1);
  if ((out.fp8_block_rows == 0 || out.fp8_block_cols == 0) && reason->empty()) {
    *reason = "the field 'weight_block_size' must be two positive integers";
  }
}

}  // namespace

Result<HfConfig> parse_config(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kConfigDepthMax;
  const json::value parsed = json::parse(text, error, json::storage_ptr(), options);
  if (error || !parsed.is_object()) return bad_checkpoint("config.json", "it is no JSON object");
  std::string reason;
  HfConfig config;
  Fields in(parsed.get_object(), &reason);
  config.model_type = in.text({"model_type"});
  config.name = in.text({"_name_or_path"});
  read_shape(in, config);
  read_rope(in, config, &reason);
  read_mla_and_moe(in, config);
  read_telechat(in, config);
  read_quantization(in, config, &reason);
  read_foreign(in, config);
  config.bos = in.token({"bos_token_id"});
  config.eos = in.token({"eos_token_id"});
  config.pad = in.token({"pad_token_id"});
  config.unk = in.token({"unk_token_id"});
  if (reason.empty() && config.head_dim == 0) reason = "hidden_size is smaller than the heads";
  if (reason.empty() && config.kv_lora == 0 && config.heads % config.heads_kv != 0) {
    reason = "num_attention_heads is no multiple of num_key_value_heads";
  }
  if (reason.empty() && config.experts_used > config.experts) {
    reason = "num_experts_per_tok is larger than the number of experts";
  }
  if (!reason.empty()) return bad_checkpoint("config.json", reason);
  return config;
}

}  // namespace xc::convert

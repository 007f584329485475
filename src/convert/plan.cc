// From fields and tensor names to a plan. The family is chosen by what is there, never by
// model_type: releases of one family carry different names, and names are reused.
#include "convert/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "convert/planner.h"

namespace xc::convert {
namespace {

constexpr std::string_view kHead = "lm_head.weight";  // never inside the family's outer name

std::string filled(std::string_view pattern, std::string_view slot, std::uint64_t number) {
  std::string text(pattern);
  for (std::size_t at; (at = text.find(slot)) != std::string::npos;) {
    text.replace(at, slot.size(), std::to_string(number));
  }
  return text;
}

// Fields that change the arithmetic in ways no table here expresses.
Status check_supported(const HfConfig& c) {
  if (!c.activation.empty() && c.activation != "silu" && c.activation != "swish" &&
      c.activation != "swiglu") {
    return unknown_model(fmt::format("the activation '{}' (silu is known)", c.activation));
  }
  if (!c.foreign.empty()) return unknown_model(fmt::format("the field '{}'", c.foreign));
  if (c.post_norm_residual) return unknown_model("apply_residual_connection_post_layernorm");
  if (c.embed_norm) return unknown_model("embed_layernorm");
  if (!c.quantization.empty() && (c.quantization != "fp8" || c.fp8_block_rows == 0)) {
    return unknown_model(fmt::format(
        "weights quantised by '{}'; fp8 with weight_block_size is known", c.quantization));
  }
  return {};
}

}  // namespace

Status Planner::choose() {
  const auto has = [this](std::string_view name) { return checkpoint_.has(name); };
  // The index of the released TeleChat-7B has no "transformer." in its names, 12B's and later have.
  const auto is = [&](const Family& family, std::string_view name) {
    outer_ = has(name) ? std::string_view() : family.outer;
    family_ = &family;
    return has(std::string(outer_).append(name));
  };
  turn_ = true;
  plan_.architecture = "llama";
  if (config_.kv_lora != 0) {
    family_ = &kMlaFamily;
    plan_.architecture = "deepseek2";
    plan_.family = "latent attention (DeepSeek, TeleChat3 MoE)";
    turn_ = !config_.rope_interleaved;
  } else if (is(kTelechatFamily, "h.0.self_attention.key_value.weight")) {
    plan_.family = config_.experts != 0 ? "TeleChat with experts" : "TeleChat";
  } else if (is(kConvFamily, "h.0.attn.c_attn.weight")) {
    plan_.family = "TeleChat-52B (Conv1D)";
  } else if (is(kLlamaFamily, "model.layers.0.self_attn.q_proj.weight")) {
    plan_.family = "Llama";
    if (has("model.layers.0.self_attn.q_norm.weight")) {
      plan_.architecture = "qwen3";
    } else if (has("model.layers.0.self_attn.q_proj.bias") &&
               !has("model.layers.0.self_attn.o_proj.bias") &&
               std::uint64_t{config_.heads} * config_.head_dim == config_.hidden) {
      plan_.architecture = "qwen2";
    }
    if (plan_.architecture != "llama") plan_.family = plan_.architecture;
    turn_ = plan_.architecture == "llama";
  } else {
    return unknown_model(fmt::format("model_type '{}': its tensors have names of no known family",
                                     config_.model_type));
  }
  if (config_.experts != 0 && family_->moe.empty()) {
    return unknown_model(fmt::format("experts in a model of the family {}", plan_.family));
  }
  mtp_ = options_.with_mtp ? config_.mtp_layers : 0;
  if (family_->mtp.empty()) mtp_ = 0;
  return {};
}

void Planner::measure() {
  const HfConfig& c = config_;
  const std::uint64_t heads = c.heads, q = heads * c.head_dim,
                      k = std::uint64_t{c.heads_kv} * c.head_dim;
  dims_['E'] = c.hidden;
  dims_['V'] = c.vocab;
  dims_['Q'] = q;
  dims_['K'] = k;
  dims_['D'] = c.head_dim;
  dims_['B'] = 2 * k;
  dims_['T'] = q + 2 * k;
  dims_['F'] = c.ffn;
  dims_['G'] = 2 * std::uint64_t{c.ffn};
  dims_['X'] = c.experts;
  dims_['M'] = c.expert_ffn;
  dims_['S'] = std::uint64_t{c.experts_shared} * c.expert_ffn;
  dims_['W'] = 2 * std::uint64_t{c.hidden};
  dims_['N'] = heads;
  dims_['n'] = c.nope_dim;
  dims_['v'] = c.value_dim;
  dims_['L'] = c.kv_lora;
  dims_['R'] = c.q_lora;
  dims_['P'] = std::uint64_t{c.kv_lora} + c.rope_dim;
  dims_['H'] = heads * (c.nope_dim + c.rope_dim);
  dims_['U'] = heads * (c.nope_dim + c.value_dim);
  dims_['O'] = heads * c.value_dim;
}

std::vector<std::uint64_t> Planner::shape_of(std::string_view dims) const {
  std::vector<std::uint64_t> shape;
  for (const char letter : dims) shape.push_back(dims_[static_cast<unsigned char>(letter)]);
  return shape;
}

RowMap Planner::map_of(Op op, const std::vector<std::uint64_t>& shape) const {
  const std::uint64_t d = config_.head_dim, nope = config_.nope_dim, rope = config_.rope_dim;
  const std::uint64_t q = dims_['Q'], k = dims_['K'];
  RowMap map;
  map.block_rows = 1;
  for (std::size_t i = 0; i + 1 < std::max<std::size_t>(shape.size(), 2); ++i) {
    map.block_rows *= shape[i];
  }
  const auto by_head = [&](std::uint64_t first, std::uint64_t stride, bool turned) {
    map.block_rows = d;
    (map.transposed ? map.col_first : map.row_first) = first;
    (map.transposed ? map.col_stride : map.row_stride) = stride;
    map.turn_rows = turned && turn_ ? d : 0;
  };
  switch (op) {
    case Op::Copy:
      break;
    case Op::TurnQ:
    case Op::TurnK:
      by_head(0, d, true);
      break;
    case Op::PairKey:
      by_head(0, 2 * d, true);
      break;
    case Op::PairValue:
      by_head(d, 2 * d, false);
      break;
    case Op::Transpose:
    case Op::FusedGate:
      map.transposed = true;
      break;
    case Op::FusedUp:
      map.transposed = true;
      map.col_first = dims_['F'];
      break;
    case Op::FusedQ:
    case Op::FusedK:
    case Op::FusedV:
      map.transposed = true;
      by_head(op == Op::FusedQ ? 0 : op == Op::FusedK ? q : q + k, d, op != Op::FusedV);
      break;
    case Op::MlaQuery:
      map.block_rows = map.row_stride = nope + rope;
      map.turn_first = nope;
      map.turn_rows = turn_ ? rope : 0;
      break;
    case Op::MlaKvA:
      map.turn_first = config_.kv_lora;
      map.turn_rows = turn_ ? rope : 0;
      break;
    case Op::MlaKey:
      map.transposed = true;
      map.block_rows = config_.kv_lora;
      map.row_stride = nope + config_.value_dim;
      break;
    case Op::MlaValue:
      map.block_rows = config_.value_dim;
      map.row_first = nope;
      map.row_stride = nope + config_.value_dim;
      break;
  }
  return map;
}

std::string Planner::choose_source(const Rule& rule, std::uint32_t layer) const {
  std::string_view rest = rule.source;
  std::string first;
  while (!rest.empty()) {
    const std::size_t bar = rest.find('|');
    std::string name = filled(rest.substr(0, bar), "{i}", layer);
    if (name != kHead) name.insert(0, outer_);
    if (first.empty()) first = name;
    if (checkpoint_.has(filled(name, "{e}", 0))) return name;
    rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
  }
  return first;
}

Status Planner::check_source(const std::string& name, const std::vector<std::uint64_t>& wanted) {
  const auto found = checkpoint_.find(name);
  if (!found) {
    return bad_checkpoint("checkpoint", fmt::format("the tensor '{}' is missing; expected shape {}",
                                                    name, shape_text(wanted)));
  }
  const StoredTensor& tensor = *found->tensor;
  if (tensor.shape != wanted) {
    return bad_checkpoint(found->file->name(),
                          fmt::format("tensor '{}' has shape {}, the config asks for {}", name,
                                      shape_text(tensor.shape), shape_text(wanted)));
  }
  used_.insert(name);
  if (tensor.type != Dtype::F8E4M3 && tensor.type != Dtype::F8E5M2) {
    if (tensor.type <= Dtype::BF16) return {};
    return bad_checkpoint(found->file->name(), fmt::format("tensor '{}' holds {}, expected floats",
                                                           name, name_of(tensor.type)));
  }
  const std::string scale_name = name + "_scale_inv";
  const auto scale = checkpoint_.find(scale_name);
  if (!scale || config_.fp8_block_rows == 0 || wanted.size() != 2) {
    return bad_checkpoint(found->file->name(),
                          fmt::format("tensor '{}' is {} without '{}' and weight_block_size", name,
                                      name_of(tensor.type), scale_name));
  }
  const std::vector<std::uint64_t> blocks{
      (wanted[0] + config_.fp8_block_rows - 1) / config_.fp8_block_rows,
      (wanted[1] + config_.fp8_block_cols - 1) / config_.fp8_block_cols};
  if (scale->tensor->shape != blocks) {
    return bad_checkpoint(scale->file->name(),
                          fmt::format("tensor '{}' has shape {}, expected {}", scale_name,
                                      shape_text(scale->tensor->shape), shape_text(blocks)));
  }
  used_.insert(scale_name);
  return {};
}

// A tied head is the embedding, whatever a file has for a head; llama.cpp uses that when there is
// no output.weight. Where the config is silent, TeleChat's class leaves transformers' default,
// true.
bool Planner::is_tied() const {
  return !checkpoint_.has(kHead) || config_.tied.value_or(family_->telechat);
}

Status Planner::apply_one(const Rule& rule, std::uint32_t layer) {
  const std::string source = choose_source(rule, layer);
  const bool stacked = source.find("{e}") != std::string::npos;
  if (source == kHead && is_tied()) {
    used_.insert(source);
    return {};
  }
  if ((rule.flags & kOptional) != 0 && !checkpoint_.has(source)) return {};
  PlannedTensor tensor;
  tensor.name = filled(rule.target, "{i}", layer);
  tensor.shape = shape_of(rule.target_dims);
  const std::vector<std::uint64_t> wanted = shape_of(rule.source_dims);
  for (std::uint32_t e = 0; e < (stacked ? config_.experts : 1); ++e) {
    tensor.sources.push_back(filled(source, "{e}", e));
    XC_CHECK(check_source(tensor.sources.back(), wanted));
  }
  for (const std::uint64_t extent : tensor.shape) {
    if (extent == 0) return unknown_model(fmt::format("'{}' would have no elements", tensor.name));
  }
  std::vector<std::uint64_t> one = tensor.shape;
  if (stacked) one.erase(one.begin());
  tensor.map = map_of(rule.op, one);
  tensor.full_precision = (rule.flags & kExact) != 0;
  if ((rule.flags & kLogits) != 0) {
    tensor.scale = static_cast<float>(config_.output_scale / config_.mup_scale);
  }
  if ((rule.flags & kEmbedding) != 0) tensor.scale = static_cast<float>(config_.input_scale);
  plan_.tensors.push_back(std::move(tensor));
  return {};
}

Status Planner::apply(std::span<const Rule> rules, std::uint32_t layer) {
  for (const Rule& rule : rules) XC_CHECK(apply_one(rule, layer));
  return {};
}

bool Planner::is_moe_layer(std::uint32_t layer) const {
  return config_.experts != 0 && layer >= config_.dense_layers;
}

Status Planner::lay_out() {
  if (config_.experts != 0 && config_.moe_every != 1) {
    return unknown_model(fmt::format("experts in every {}th layer", config_.moe_every));
  }
  XC_CHECK(apply(family_->head, 0));
  if (is_tied() && !config_.tied.value_or(true)) {
    return bad_checkpoint("checkpoint", fmt::format("the tensor '{}' is missing", kHead));
  }
  if (is_tied() && config_.input_scale != 1) return unknown_model("input_mult with a tied head");
  for (std::uint32_t i = 0; i < config_.layers + mtp_; ++i) {
    XC_CHECK(apply(family_->layer, i));
    XC_CHECK(apply(is_moe_layer(i) ? family_->moe : family_->dense, i));
    if (i >= config_.layers) XC_CHECK(apply(family_->mtp, i));
  }
  return check_leftovers();
}

// A weight that no rule wants means that the model computes something this plan does not.
Status Planner::check_leftovers() const {
  for (const std::string& name : checkpoint_.names()) {
    if (used_.contains(name)) continue;
    if (name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attn.bias") ||
        name.ends_with(".attn.masked_bias")) {
      continue;  // buffers that follow from the config
    }
    if (!family_->mtp.empty() && name.starts_with("model.layers.")) {
      const std::string number = name.substr(13, name.find('.', 13) - 13);
      const bool digits = !number.empty() && number.size() < 6 &&
                          std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
      if (digits && !options_.with_mtp &&
          static_cast<std::uint32_t>(std::stoi(number)) >= config_.layers) {
        continue;  // the caller does not want them
      }
    }
    const auto found = checkpoint_.find(name);
    return bad_checkpoint(found->file->name(),
                          fmt::format("tensor '{}' {} has no place in the family {}", name,
                                      shape_text(found->tensor->shape), plan_.family));
  }
  return {};
}

Result<ModelPlan> Planner::run() {
  XC_CHECK(check_supported(config_));
  XC_CHECK(choose());
  measure();
  XC_CHECK(lay_out());
  XC_CHECK(add_metadata());
  plan_.telechat = family_->telechat || config_.model_type.starts_with("telechat");
  if (config_.output_scale != config_.mup_scale) {
    plan_.notes.push_back(
        fmt::format("logits x {:g} is folded into output_norm.weight, which stays f32",
                    config_.output_scale / config_.mup_scale));
  }
  return std::move(plan_);
}

std::uint64_t PlannedTensor::rows() const {
  std::uint64_t rows = 1;
  const std::size_t leading = shape.size() < 2 ? shape.size() : shape.size() - 1;
  for (std::size_t i = 0; i < leading; ++i) rows *= shape[i];
  return rows;
}

Result<ModelPlan> plan_model(const HfConfig& config, const Checkpoint& checkpoint,
                             const PlanOptions& options) {
  return Planner(config, checkpoint, options).run();
}

}  // namespace xc::convert

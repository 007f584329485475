#include "convert/rope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace xc::convert {
namespace {

std::unexpected<Error> unknown(std::string reason) {
  return fail(Code::InvalidRequest, Message::UnknownModel, {std::move(reason)});
}

double usual_magnitude(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

// What cos and sin are multiplied by, as the family's own code has it.
double yarn_magnitude(const RopeScaling& rope, double factor) {
  if (rope.attention_factor) return *rope.attention_factor;
  if (rope.type == "telechat3-yarn") return factor <= 1 ? 1.0 : 0.07 * std::log(factor) + 1.0;
  if (rope.mscale_all_dim != 0) {
    return usual_magnitude(factor, rope.mscale) / usual_magnitude(factor, rope.mscale_all_dim);
  }
  return usual_magnitude(factor, 1);
}

Status add_yarn(const HfConfig& config, const std::string& prefix, bool mla, ModelPlan& plan) {
  const RopeScaling& rope = config.rope;
  const std::uint32_t original =
      rope.original_context != 0 ? rope.original_context : config.context;
  double factor = rope.factor;
  if (factor == 1 && original != 0 && config.context > original) {
    factor = static_cast<double>(config.context) / original;
  }
  if (rope.beta_fast != 32 || rope.beta_slow != 1) {
    return unknown(
        fmt::format("YaRN with beta_fast {} and beta_slow {}: llama.cpp's {} has 32 and 1",
                    rope.beta_fast, rope.beta_slow, plan.architecture));
  }
  plan.metadata.emplace_back(prefix + "rope.scaling.type", std::string("yarn"));
  plan.metadata.emplace_back(prefix + "rope.scaling.factor", static_cast<float>(factor));
  plan.metadata.emplace_back(prefix + "rope.scaling.original_context_length", original);
  if (mla) {
    if (rope.type != "yarn" || rope.mscale != rope.mscale_all_dim || rope.mscale_all_dim == 0) {
      return unknown(fmt::format(
          "latent attention with rope_type '{}', mscale {} and mscale_all_dim {}: only 'yarn' with "
          "both equal is expressible",
          rope.type, rope.mscale, rope.mscale_all_dim));
    }
    // llama.cpp divides by 0.1 again when it loads deepseek2.
    plan.metadata.emplace_back(prefix + "rope.scaling.yarn_log_multiplier",
                               static_cast<float>(0.1 * rope.mscale_all_dim));
    return {};
  }
  // llama.cpp multiplies cos and sin by 1 + 0.1 ln(factor) by itself; the rest is ours to say.
  const double rest = yarn_magnitude(rope, factor) / usual_magnitude(factor, 1);
  if (std::fabs(rest - 1) > 1e-9) {
    plan.metadata.emplace_back(prefix + "rope.scaling.attn_factor", static_cast<float>(rest));
  }
  if (rope.type == "telechat3-yarn") {
    plan.notes.push_back(fmt::format(
        "telechat3-yarn: cos and sin are multiplied by 1 + 0.07 ln({}) = {:.4f}, as vLLM does; "
        "ports that treat it as ordinary YaRN use {:.4f}",
        factor, yarn_magnitude(rope, factor), usual_magnitude(factor, 1)));
  }
  return {};
}

}  // namespace

NtkRope ntk_rope(double theta, std::uint32_t head_dim, std::uint32_t base_length,
                 std::uint32_t trained_length, std::uint32_t length, bool power) {
  NtkRope rope;
  const double longest = std::max(length, trained_length);
  const double steps = std::ceil(std::log2(longest / base_length) + 1);
  rope.alpha = std::max(1.0, std::exp2(steps) - 1);
  const double d = head_dim;
  rope.base = theta * (power ? std::pow(rope.alpha, d / (d - 2)) : rope.alpha);
  if (longest > trained_length) rope.magnitude = 1 + 0.1 * std::log(longest / trained_length);
  return rope;
}

std::vector<float> llama3_factors(const RopeScaling& rope, double theta, std::uint32_t head_dim) {
  std::vector<float> factors;
  const double original = rope.original_context != 0 ? rope.original_context : 8192;
  for (std::uint32_t i = 0; i < head_dim; i += 2) {
    const double wavelength =
        2 * std::numbers::pi * std::pow(theta, static_cast<double>(i) / head_dim);
    if (wavelength < original / rope.high_freq_factor) {
      factors.push_back(1);
    } else if (wavelength > original / rope.low_freq_factor) {
      factors.push_back(static_cast<float>(rope.factor));
    } else {
      const double smooth = (original / wavelength - rope.low_freq_factor) /
                            (rope.high_freq_factor - rope.low_freq_factor);
      factors.push_back(static_cast<float>(1 / ((1 - smooth) / rope.factor + smooth)));
    }
  }
  return factors;
}

Status add_scaling(const HfConfig& config, const std::string& prefix, bool mla, ModelPlan& plan) {
  const std::string& type = config.rope.type;
  if (type.empty()) return {};
  if (type == "yarn" || type == "telechat3-yarn") return add_yarn(config, prefix, mla, plan);
  if (mla) return unknown(fmt::format("latent attention with rope_type '{}'", type));
  if (type == "linear") {
    plan.metadata.emplace_back(prefix + "rope.scaling.type", std::string("linear"));
    plan.metadata.emplace_back(prefix + "rope.scaling.factor",
                               static_cast<float>(config.rope.factor));
    return {};
  }
  if (type == "dynamic") {
    plan.notes.push_back("rope_type dynamic: as trained; longer contexts are not re-based");
    return {};
  }
  if (type == "llama3" && plan.architecture == "llama") {
    if (config.head_dim % 2 != 0) return unknown("an odd head_dim");
    PlannedTensor factors;
    factors.name = "rope_freqs.weight";
    factors.values = llama3_factors(config.rope, config.rope_theta, config.head_dim);
    factors.shape = {factors.values.size()};
    factors.full_precision = true;
    plan.tensors.push_back(std::move(factors));
    return {};
  }
  return unknown(fmt::format("rope_type '{}'", type));
}

}  // namespace xc::convert

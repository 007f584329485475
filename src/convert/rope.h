// The rotary embedding of each family in llama.cpp's terms. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/hf_config.h"
#include "convert/plan.h"

namespace xc::convert {

// TeleChat's base depends on the length: L = max(length, trained); alpha = max(1, 2^(⌈log2(L/base)⌉
// + 1) − 1) with the ceiling over log2(L/base) + 1; cos and sin grow by 1 + 0.1 ln(L/trained).
// A GGUF file has one base, so L is fixed when the file is made.
struct NtkRope {
  double base = 0;  // the effective base
  double alpha = 1;
  double magnitude = 1;  // of cos and sin
};
NtkRope ntk_rope(double theta, std::uint32_t head_dim, std::uint32_t base_length,
                 std::uint32_t trained_length, std::uint32_t length, bool power);

// Llama 3's divisors of the frequencies, one for each pair of dimensions: rope_freqs.weight.
std::vector<float> llama3_factors(const RopeScaling& rope, double theta, std::uint32_t head_dim);

// Appends the scaling keys under `prefix` ("llama."). `mla`: deepseek2, which scales the softmax
// by the square of the magnitude instead of cos and sin. Error: UnknownModel.
Status add_scaling(const HfConfig& config, const std::string& prefix, bool mla, ModelPlan& plan);

}  // namespace xc::convert

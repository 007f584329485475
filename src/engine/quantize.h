// Makes a GGUF file smaller with llama.cpp's own quantisers, which the engine plug-in has. For
// commands: a broken file may end the process, and the gateway never calls this.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::engine {

struct QuantizeType {
  std::string_view name;
  int number;  // llama_ftype
};
// Those that need no importance matrix.
inline constexpr std::array<QuantizeType, 14> kQuantizeTypes{{{"q2_k", 10},
                                                              {"q3_k_s", 11},
                                                              {"q3_k_m", 12},
                                                              {"q3_k_l", 13},
                                                              {"q4_0", 2},
                                                              {"q4_1", 3},
                                                              {"q4_k_s", 14},
                                                              {"q4_k_m", 15},
                                                              {"q5_0", 8},
                                                              {"q5_1", 9},
                                                              {"q5_k_s", 16},
                                                              {"q5_k_m", 17},
                                                              {"q6_k", 18},
                                                              {"q8_0", 7}}};

struct QuantizeOptions {
  std::string input;   // GGUF of f32, f16, bf16 or q8_0
  std::string output;  // is overwritten; not synced
  std::string type;    // of kQuantizeTypes
  int threads = 0;     // 0: the cores of this process
};

// tensors done of all; false ends it before the next one.
using QuantizeProgress = std::function<bool(int done, int total)>;

// Loads the plug-in into this process and blocks until it is done; at most about 300 MiB of memory
// beside the page cache. Once at a time. Errors: QuantizeFailed, Cancelled.
Status quantize(const QuantizeOptions& options, const QuantizeProgress& progress);

}  // namespace xc::engine

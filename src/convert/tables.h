// Which tensor of a checkpoint becomes which tensor of a GGUF file: a table a family, as data.
// Dimensions are letters, outermost first:
//   E hidden   V vocabulary   Q heads × head   K kv heads × head   D head   B = 2K   T = Q + 2K
//   F ffn   G = 2F   X experts   M ffn of an expert   S shared experts × M   W = 2E
//   MLA: N heads  n/v dims without rotation/of a value  L, R ranks of kv, q  P = L + rotary
//        H = N × (n + rotary)  U = N × (n + v)  O = N × v
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace xc::convert {

enum class Op : std::uint8_t {
  Copy,
  TurnQ,    // rows of queries: rotary halves interleaved where the target wants that
  TurnK,    // the same for keys
  PairKey,  // TeleChat's key_value: a head's key rows, then its value rows, head by head
  PairValue,
  Transpose,  // Conv1D keeps [in, out]
  FusedQ,     // columns of Conv1D's query | key | value
  FusedK,
  FusedV,
  FusedGate,  // columns of Conv1D's gate | up
  FusedUp,
  MlaQuery,  // Copy, unless the checkpoint keeps rotary halves
  MlaKvA,
  MlaKey,  // kv_b's key part a head, transposed: llama.cpp multiplies queries by it
  MlaValue,
};

enum : std::uint8_t {
  kOptional = 1,
  kExact = 2,      // f32 whatever was asked for
  kLogits = 4,     // multiplied by the logit scale
  kEmbedding = 8,  // multiplied by the input scale
};

struct Rule {
  std::string_view source;  // {i} layer, {e} expert; alternatives divided by '|'; see Family::outer
  std::string_view source_dims;
  std::string_view target;
  std::string_view target_dims;
  Op op = Op::Copy;
  std::uint8_t flags = 0;
};

struct Family {
  std::string_view outer;       // may stand in front of every source but the head's; in a release
                                // it does or it does not
  std::span<const Rule> head;   // once
  std::span<const Rule> layer;  // every layer
  std::span<const Rule> dense;  // layers with one feed-forward network
  std::span<const Rule> moe;    // layers with experts
  std::span<const Rule> mtp;    // layers behind the last that predict further tokens
  // TeleChat's own code: a head tied unless the config says no, layer_norm_epsilon before
  // rms_norm_eps, a rotary base that follows the length.
  bool telechat = false;
};

extern const Family kLlamaFamily;     // Llama, Qwen2, Qwen3, TeleChat3 dense
extern const Family kTelechatFamily;  // TeleChat 1 but 52B, TeleChat2, T1, with or without experts
extern const Family kConvFamily;      // TeleChat-52B
extern const Family kMlaFamily;       // DeepSeek V2, V3, R1, TeleChat3 MoE

}  // namespace xc::convert

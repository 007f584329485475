#include "catalog/gguf_types.h"

#include <algorithm>
#include <array>

namespace xc::catalog {
namespace {

constexpr std::array kTensorTypes{
    TensorType{0, "F32", 1, 4},         TensorType{1, "F16", 1, 2},
    TensorType{2, "Q4_0", 32, 18},      TensorType{3, "Q4_1", 32, 20},
    TensorType{6, "Q5_0", 32, 22},      TensorType{7, "Q5_1", 32, 24},
    TensorType{8, "Q8_0", 32, 34},      TensorType{9, "Q8_1", 32, 36},
    TensorType{10, "Q2_K", 256, 84},    TensorType{11, "Q3_K", 256, 110},
    TensorType{12, "Q4_K", 256, 144},   TensorType{13, "Q5_K", 256, 176},
    TensorType{14, "Q6_K", 256, 210},   TensorType{15, "Q8_K", 256, 292},
    TensorType{16, "IQ2_XXS", 256, 66}, TensorType{17, "IQ2_XS", 256, 74},
    TensorType{18, "IQ3_XXS", 256, 98}, TensorType{19, "IQ1_S", 256, 50},
    TensorType{20, "IQ4_NL", 32, 18},   TensorType{21, "IQ3_S", 256, 110},
    TensorType{22, "IQ2_S", 256, 82},   TensorType{23, "IQ4_XS", 256, 136},
    TensorType{24, "I8", 1, 1},         TensorType{25, "I16", 1, 2},
    TensorType{26, "I32", 1, 4},        TensorType{27, "I64", 1, 8},
    TensorType{28, "F64", 1, 8},        TensorType{29, "IQ1_M", 256, 56},
    TensorType{30, "BF16", 1, 2},       TensorType{34, "TQ1_0", 256, 54},
    TensorType{35, "TQ2_0", 256, 66},   TensorType{39, "MXFP4", 32, 17},
    TensorType{40, "NVFP4", 64, 36},    TensorType{41, "Q1_0", 128, 18},
    TensorType{42, "Q2_0", 64, 18},
};

// Indexed by llama_ftype; empty: removed from the format.
constexpr std::array<std::string_view, 42> kFileTypes{
    "F32",   "F16",     "Q4_0",   "Q4_1",   "",       "",        "",       "Q8_0",   "Q5_0",
    "Q5_1",  "Q2_K",    "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S",  "Q4_K_M", "Q5_K_S", "Q5_K_M",
    "Q6_K",  "IQ2_XXS", "IQ2_XS", "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S",  "IQ4_NL", "IQ3_S",
    "IQ3_M", "IQ2_S",   "IQ2_M",  "IQ4_XS", "IQ1_M",  "BF16",    "",       "",       "",
    "TQ1_0", "TQ2_0",   "MXFP4",  "NVFP4",  "Q1_0",   "Q2_0"};
static_assert(kFileTypes[15] == "Q4_K_M" && kFileTypes[32] == "BF16" && kFileTypes[36] == "TQ1_0");

constexpr std::array<std::string_view, 6> kRecurrent{"mamba",      "mamba2", "rwkv6",
                                                     "rwkv6qwen2", "rwkv7",  "arwkv7"};
constexpr std::array<std::string_view, 10> kEncoders{
    "bert",         "modern-bert",  "nomic-bert", "nomic-bert-moe",  "neo-bert",
    "jina-bert-v2", "jina-bert-v3", "eurobert",   "gemma-embedding", "t5encoder"};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

const TensorType* tensor_type(std::uint32_t id) {
  const auto at = std::ranges::find(kTensorTypes, id, &TensorType::id);
  return at == kTensorTypes.end() ? nullptr : &*at;
}

const TensorType* tensor_type(std::string_view name) {
  const auto same = [name](const TensorType& type) {
    return std::ranges::equal(type.name, name, {}, {}, upper);
  };
  const auto at = std::ranges::find_if(kTensorTypes, same);
  return at == kTensorTypes.end() ? nullptr : &*at;
}

std::string_view quantization_name(std::uint32_t file_type) {
  return file_type < kFileTypes.size() ? kFileTypes[file_type] : std::string_view();
}

bool is_recurrent_architecture(std::string_view name) {
  return std::ranges::find(kRecurrent, name) != kRecurrent.end();
}

bool is_embedding_architecture(std::string_view name) {
  return std::ranges::find(kEncoders, name) != kEncoders.end();
}

}  // namespace xc::catalog

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "catalog/gguf_types.h"
#include "catalog/gguf_values.h"

namespace xc::catalog {
namespace {

constexpr std::size_t kShownBytesMax = 512;  // longer strings are shown by their length
constexpr std::uint32_t kLayersMax = 4'096;  // beyond any model; bounds heads_kv

constexpr std::array<std::string_view, 13> kTypeNames{
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};

// The names under which vocabularies keep the markers; llama-vocab.cpp knows the same.
constexpr std::array<std::string_view, 8> kFimPrefix{
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",    "<｜fim▁begin｜>",
    "<PRE>",          "▁<PRE>",       "<|code_prefix|>", "<|prefix|>"};
constexpr std::array<std::string_view, 8> kFimSuffix{
    "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",    "<｜fim▁hole｜>",
    "<SUF>",          "▁<SUF>",       "<|code_suffix|>", "<|suffix|>"};
constexpr std::array<std::string_view, 8> kFimMiddle{
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>",    "<｜fim▁end｜>",
    "<MID>",          "▁<MID>",       "<|code_middle|>", "<|middle|>"};

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t point = lead & (0xff >> (length + (length > 1)));
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xc0) != 0x80) return false;
      point = (point << 6) | (byte & 0x3f);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    i += length;
  }
  return true;
}

std::string shown(std::string_view text) {
  if (!is_utf8(text)) return fmt::format("[{} bytes, not UTF-8]", text.size());
  if (text.size() > kShownBytesMax) return fmt::format("[{} bytes]", text.size());
  return std::string(text);
}

// Look-ups that give a neutral value when a key is absent or of another type.
class Lookup {
 public:
  explicit Lookup(const GgufValues& values) : values_(values) {}

  const GgufValue* find(std::string_view key) const {
    const auto at = values_.by_key.find(key);
    return at == values_.by_key.end() ? nullptr : &at->second;
  }
  std::string_view text(std::string_view key) const {
    const GgufValue* value = find(key);
    return value != nullptr && value->type == GgufType::String ? std::string_view(value->text)
                                                               : std::string_view();
  }
  // A scalar, or the largest item of a list (per-layer values).
  std::uint32_t number(const std::string& key) const {
    const GgufValue* value = find(key);
    if (value == nullptr || value->type == GgufType::String) return 0;
    std::uint64_t most = value->integer;
    for (const std::uint64_t item : value->items) most = std::max(most, item);
    return most > UINT32_MAX ? 0 : static_cast<std::uint32_t>(most);
  }

 private:
  const GgufValues& values_;
};

std::vector<std::uint32_t> heads_kv_of(const Lookup& in, const std::string& prefix,
                                       const GgufFacts& facts) {
  std::vector<std::uint32_t> heads(std::min(facts.layers, kLayersMax), facts.heads);
  const GgufValue* value = in.find(prefix + "attention.head_count_kv");
  if (value != nullptr && value->type == GgufType::Array) {
    for (std::size_t i = 0; i < heads.size(); ++i) {
      const std::uint64_t item = i < value->items.size() ? value->items[i] : 0;
      heads[i] = item > UINT32_MAX ? 0 : static_cast<std::uint32_t>(item);
    }
  } else if (value != nullptr) {
    std::ranges::fill(heads, in.number(prefix + "attention.head_count_kv"));
  }
  // The last layers of some models read the cache of an earlier layer and have none.
  const std::size_t shared = in.number(prefix + "attention.shared_kv_layers");
  for (std::size_t i = 0; i < std::min(shared, heads.size()); ++i) heads[heads.size() - 1 - i] = 0;
  return heads;
}

void set_attention(GgufFacts& facts, const Lookup& in, const std::string& prefix) {
  facts.heads = in.number(prefix + "attention.head_count");
  facts.heads_kv = heads_kv_of(in, prefix, facts);
  const std::uint32_t dim = facts.heads == 0 ? 0 : facts.embedding / facts.heads;
  const std::uint32_t dim_k = in.number(prefix + "attention.key_length");
  const std::uint32_t dim_v = in.number(prefix + "attention.value_length");
  facts.head_dim_k = dim_k != 0 ? dim_k : dim;
  facts.head_dim_v = dim_v != 0 ? dim_v : dim;
  facts.rope_dim = in.number(prefix + "rope.dimension_count");
  // Without the key_length_mla key the file predates the latent cache and runs as plain attention.
  if (in.find(prefix + "attention.key_length_mla") != nullptr) {
    facts.kv_lora_rank = in.number(prefix + "attention.kv_lora_rank");
  }
  facts.sliding_window = in.number(prefix + "attention.sliding_window");
}

bool has_infill(const GgufValues& values, const Lookup& in) {
  const auto id = [&in](const char* modern, const char* old) {
    return in.find(modern) != nullptr || in.find(old) != nullptr;
  };
  const bool prefix =
      values.fim_prefix || id("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id");
  const bool suffix =
      values.fim_suffix || id("tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id");
  const bool middle =
      values.fim_middle || id("tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id");
  return prefix && suffix && middle;
}

std::string text_of(const GgufValue& value) {
  switch (value.type) {
    case GgufType::String:
      return shown(value.text);
    case GgufType::Array:
      return fmt::format("[{} × {}]", value.count, name_of(value.item_type));
    case GgufType::Bool:
      return value.integer != 0 ? "true" : "false";
    case GgufType::F32:
      return fmt::format("{}", static_cast<float>(value.real));
    case GgufType::F64:
      return fmt::format("{}", value.real);
    case GgufType::I8:
    case GgufType::I16:
    case GgufType::I32:
    case GgufType::I64:
      return fmt::format("{}", static_cast<std::int64_t>(value.integer));
    default:
      return fmt::format("{}", value.integer);
  }
}

}  // namespace

std::string_view name_of(GgufType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypeNames.size() ? kTypeNames[index] : std::string_view();
}

void note_token(GgufValues& values, std::string_view token) {
  if (token.size() < 5 || token.back() != '>') return;  // all markers end so; vocabularies are long
  const auto among = [token](const auto& names) {
    return std::ranges::find(names, token) != names.end();
  };
  values.fim_prefix = values.fim_prefix || among(kFimPrefix);
  values.fim_suffix = values.fim_suffix || among(kFimSuffix);
  values.fim_middle = values.fim_middle || among(kFimMiddle);
}

GgufFacts facts_of(const GgufValues& values, const std::vector<GgufTensor>& tensors,
                   std::uint64_t file_bytes) {
  const Lookup in(values);
  GgufFacts facts;
  facts.architecture = shown(in.text("general.architecture"));
  facts.name = shown(in.text("general.name"));
  facts.licence = shown(in.text("general.license"));
  facts.file_bytes = file_bytes;
  if (in.find("general.file_type") != nullptr) {
    facts.quantization = quantization_name(in.number("general.file_type"));
  }
  const std::string prefix = facts.architecture + ".";
  facts.context = in.number(prefix + "context_length");
  facts.embedding = in.number(prefix + "embedding_length");
  facts.layers = in.number(prefix + "block_count");
  set_attention(facts, in, prefix);
  facts.experts = in.number(prefix + "expert_count");
  facts.experts_used = in.number(prefix + "expert_used_count");
  facts.pooling = in.number(prefix + "pooling_type");
  const GgufValue* tokens = in.find("tokenizer.ggml.tokens");
  facts.vocabulary = tokens != nullptr && tokens->type == GgufType::Array
                         ? static_cast<std::uint32_t>(tokens->count)
                         : in.number(prefix + "vocab_size");
  const std::string_view chat_template = in.text("tokenizer.chat_template");
  facts.has_chat_template = !chat_template.empty();
  facts.template_has_tools = chat_template.find("tools") != std::string_view::npos;
  facts.has_infill = has_infill(values, in);
  facts.recurrent = is_recurrent_architecture(facts.architecture);
  facts.embedding_only = is_embedding_architecture(facts.architecture);
  for (const GgufTensor& tensor : tensors) {
    std::uint64_t elements = 1;
    for (const std::uint64_t extent : tensor.shape) elements *= extent;
    facts.parameters += elements;
    facts.tensor_bytes += tensor.bytes;
  }
  return facts;
}

std::map<std::string, std::string> describe(const GgufValues& values) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : values.by_key) out.emplace(shown(key), text_of(value));
  return out;
}

}  // namespace xc::catalog

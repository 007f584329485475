#include "convert/tokenizer_json.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <optional>

#include "base/limits.h"
#include "convert/weights_file.h"

namespace xc::convert {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 32;
const std::string kFile = "tokenizer.json";

// What tells the splitting patterns of the families apart; the first that is contained wins.
struct Splitting {
  std::string_view needle, pre;
};
constexpr std::array<Splitting, 6> kSplittings{{
    {"A-Za-zµÀ-ÖØ-ö", "deepseek-llm"},
    {"[一-龥ࠀ-一가-퟿]", "deepseek-coder"},
    {"[一-龥぀-ゟ゠-ヿ]", "deepseek-v3"},
    {R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)", "llama-bpe"},
    {R"(\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)", "qwen2"},
    {R"([^(\s|[.,!?…。，、।۔،])]+)", "bloom"},
}};

std::optional<std::uint32_t> to_id(const json::value& value) {
  if (!value.is_int64() || value.get_int64() < 0 || value.get_int64() >= limits::kVocabularyMax) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(value.get_int64());
}

const json::value* at(const json::value& value, std::string_view key) {
  const json::object* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(key);
}

std::string_view text_at(const json::value& value, std::string_view key) {
  const json::value* found = at(value, key);
  return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                : std::string_view();
}

// All patterns of the pre-tokenizer, one behind the other, and whether it is byte-level.
void collect_patterns(const json::value& value, std::string& patterns, bool& byte_level) {
  const std::string_view type = text_at(value, "type");
  if (type == "ByteLevel") byte_level = true;
  if (type == "Split") {
    if (const json::value* pattern = at(value, "pattern")) {
      patterns += text_at(*pattern, "Regex");
      patterns += '\n';
    }
  }
  const json::value* parts = at(value, "pretokenizers");
  if (parts == nullptr || !parts->is_array()) return;
  for (const json::value& part : parts->get_array()) collect_patterns(part, patterns, byte_level);
}

std::optional<std::string> put(std::vector<std::string>& tokens, std::uint32_t id,
                               std::string_view text) {
  if (text.empty() || text.size() > limits::kTokenBytesMax) {
    return fmt::format("token {} is empty or too long", id);
  }
  if (tokens.size() <= id) tokens.resize(std::size_t{id} + 1);
  tokens[id] = text;
  return std::nullopt;
}

std::optional<std::string> read_vocabulary(const json::value& model, TokenizerJson& out) {
  const json::value* vocabulary = at(model, "vocab");
  if (vocabulary == nullptr || !vocabulary->is_object()) return "model.vocab is missing";
  for (const auto& [text, value] : vocabulary->get_object()) {
    const auto id = to_id(value);
    if (!id) return fmt::format("the id of token '{}' is out of range", std::string_view(text));
    if (auto why = put(out.tokens, *id, text)) return why;
  }
  return std::nullopt;
}

std::optional<std::string> read_merges(const json::value& model, TokenizerJson& out) {
  const json::value* merges = at(model, "merges");
  if (merges == nullptr || !merges->is_array()) return "model.merges is missing";
  if (merges->get_array().size() > limits::kVocabularyMax) return "model.merges is too long";
  for (const json::value& merge : merges->get_array()) {
    if (merge.is_string()) {
      out.merges.emplace_back(std::string_view(merge.get_string()));
    } else if (merge.is_array() && merge.get_array().size() == 2 &&
               merge.get_array()[0].is_string() && merge.get_array()[1].is_string()) {
      out.merges.push_back(fmt::format("{} {}", std::string_view(merge.get_array()[0].get_string()),
                                       std::string_view(merge.get_array()[1].get_string())));
    } else {
      return fmt::format("merge {} is no pair", out.merges.size());
    }
    if (out.merges.back().find(' ') == std::string::npos) {
      return fmt::format("merge {} is no pair", out.merges.size() - 1);
    }
  }
  return std::nullopt;
}

std::optional<std::string> read_added(const json::value& root, TokenizerJson& out) {
  const json::value* added = at(root, "added_tokens");
  if (added == nullptr || !added->is_array()) return std::nullopt;
  for (const json::value& item : added->get_array()) {
    const json::value* id_value = at(item, "id");
    const auto id = id_value == nullptr ? std::nullopt : to_id(*id_value);
    if (!id) return "an added token has no id";
    const json::value* special = at(item, "special");
    AddedToken token{*id, std::string(text_at(item, "content")),
                     special != nullptr && special->is_bool() && special->get_bool()};
    if (auto why = put(out.tokens, token.id, token.text)) return why;
    out.added.push_back(std::move(token));
  }
  return std::nullopt;
}

// A template processor that begins with a special token puts a BOS in front.
bool begins_with_special(const json::value& processor) {
  if (const json::value* parts = at(processor, "processors"); parts && parts->is_array()) {
    for (const json::value& part : parts->get_array()) {
      if (begins_with_special(part)) return true;
    }
  }
  const json::value* single = at(processor, "single");
  return single != nullptr && single->is_array() && !single->get_array().empty() &&
         at(single->get_array()[0], "SpecialToken") != nullptr;
}

}  // namespace

Result<TokenizerJson> parse_tokenizer_json(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kDepthMax;
  const json::value root = json::parse(text, error, json::storage_ptr(), options);
  if (error || !root.is_object()) return bad_checkpoint(kFile, "it is no JSON object");
  const json::value* model = at(root, "model");
  if (model == nullptr || text_at(*model, "type") != "BPE") {
    return bad_checkpoint(kFile, "its model is no BPE");
  }
  TokenizerJson out;
  std::string patterns;
  bool byte_level = false;
  if (const json::value* pre = at(root, "pre_tokenizer")) {
    collect_patterns(*pre, patterns, byte_level);
  }
  if (!byte_level) {
    return bad_checkpoint(kFile, "it is not byte-level; give the folder its tokenizer.model");
  }
  if (patterns.empty()) out.pre = "gpt-2";
  for (const Splitting& splitting : kSplittings) {
    if (!out.pre.empty()) break;
    if (patterns.find(splitting.needle) != std::string::npos) out.pre = splitting.pre;
  }
  auto why = read_vocabulary(*model, out);
  if (!why) why = read_merges(*model, out);
  if (!why) why = read_added(root, out);
  if (why) return bad_checkpoint(kFile, *why);
  if (const json::value* post = at(root, "post_processor"))
    out.adds_bos = begins_with_special(*post);
  return out;
}

}  // namespace xc::convert

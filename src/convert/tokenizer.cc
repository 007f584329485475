#include "convert/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/limits.h"

namespace xc::convert {
namespace {

namespace json = boost::json;

constexpr std::size_t kConfigDepthMax = 16;

std::int32_t number_of(PieceType type) { return static_cast<std::int32_t>(type); }

// "<_user>", "<tool_call>": a marker between segments, not a character that training kept whole.
bool is_marker(std::string_view text) {
  return text.size() >= 3 && text.front() == '<' && text.back() == '>';
}

// Markers that releases forget to call special; unless they are control tokens, a user could
// write them into a prompt.
bool looks_special(std::string_view text) {
  return (text.starts_with("<|") && text.ends_with("|>")) ||
         (text.starts_with("<｜") && text.ends_with("｜>"));
}

void pad_to(Tokenizer& tokenizer, std::uint32_t vocabulary, float score) {
  while (tokenizer.tokens.size() < vocabulary) {
    tokenizer.tokens.push_back(fmt::format("[PAD{}]", tokenizer.tokens.size()));
    tokenizer.scores.push_back(score);
    tokenizer.types.push_back(number_of(PieceType::Unused));
  }
}

std::optional<std::uint32_t> id_of(const Tokenizer& tokenizer, std::string_view text) {
  const auto found = std::ranges::find(tokenizer.tokens, text);
  if (found == tokenizer.tokens.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - tokenizer.tokens.begin());
}

std::optional<std::uint32_t> within(std::int64_t id, std::uint32_t vocabulary) {
  if (id < 0 || id >= vocabulary) return std::nullopt;
  return static_cast<std::uint32_t>(id);
}

// tokenizer_config.json writes a token as its text or as an object with a "content".
std::string_view token_text(const json::object& config, std::string_view key) {
  const json::value* value = config.if_contains(key);
  if (value != nullptr && value->is_object()) value = value->get_object().if_contains("content");
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

// Tokens that the Python class adds on top of the model file.
Status take_added(const json::object& config, std::uint32_t vocabulary, Tokenizer& out) {
  const json::value* added = config.if_contains("added_tokens_decoder");
  if (added == nullptr || !added->is_object()) return {};
  for (const auto& [key, value] : added->get_object()) {
    std::uint32_t id = 0;
    const std::string_view digits(key);
    const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    const json::object* entry = value.if_object();
    if (wrong != std::errc() || end != digits.data() + digits.size() || id >= vocabulary ||
        entry == nullptr) {
      return bad_checkpoint("tokenizer_config.json",
                            fmt::format("added token '{}' is no id below {}", digits, vocabulary));
    }
    const std::string_view text = token_text(*entry, "content");
    if (text.empty() || text.size() > limits::kTokenBytesMax) continue;
    const json::value* special = entry->if_contains("special");
    const bool is_special =
        (special != nullptr && special->is_bool() && special->get_bool()) || looks_special(text);
    if (out.types[id] == number_of(PieceType::Unknown)) continue;
    out.tokens[id] = text;
    out.types[id] = number_of(is_special ? PieceType::Control : PieceType::UserDefined);
  }
  return {};
}

// One template, or a list of named ones of which "default" is meant.
std::string template_in(const json::object& config) {
  const json::value* value = config.if_contains("chat_template");
  if (value == nullptr) return {};
  if (value->is_string()) return std::string(value->get_string());
  if (!value->is_array()) return {};
  for (const json::value& item : value->get_array()) {
    const json::object* named = item.if_object();
    if (named != nullptr && token_text(*named, "name") == "default") {
      return std::string(token_text(*named, "template"));
    }
  }
  return {};
}

void take_specials(const json::object& config, const HfConfig& model, Tokenizer& out) {
  const auto choose = [&](std::string_view key, std::optional<std::uint32_t> from_config,
                          std::optional<std::uint32_t>& id) {
    const std::string_view text = token_text(config, key);
    if (const auto found = text.empty() ? std::nullopt : id_of(out, text)) {
      id = found;
    } else if (from_config && *from_config < out.tokens.size()) {
      id = from_config;
    }
  };
  choose("bos_token", model.bos, out.bos);
  choose("eos_token", model.eos, out.eos);
  choose("unk_token", model.unk, out.unk);
  choose("pad_token", model.pad, out.pad);
  const json::value* add = config.if_contains("add_bos_token");
  if (add != nullptr && add->is_bool()) {
    out.add_bos = add->get_bool();
  } else if (out.model == "llama") {
    out.add_bos = token_text(config, "tokenizer_class").starts_with("Llama");
  }
  out.add_bos = out.add_bos && out.bos.has_value();
}

Result<Tokenizer> read_vocabulary(const Checkpoint& checkpoint, const HfConfig& config,
                                  const std::string& pre) {
  XC_TRY(const auto model, checkpoint.text_of("tokenizer.model", limits::kTokenizerBytesMax));
  if (model) {
    XC_TRY(const SentencePieceModel parsed, parse_sentencepiece(*model, "tokenizer.model"));
    return tokenizer_of(parsed, config.vocab);
  }
  XC_TRY(const auto text, checkpoint.text_of("tokenizer.json", limits::kTokenizerBytesMax));
  if (!text) {
    return bad_checkpoint(checkpoint.folder(), "it has neither tokenizer.model nor tokenizer.json");
  }
  XC_TRY(TokenizerJson parsed, parse_tokenizer_json(*text));
  return tokenizer_of(std::move(parsed), config.vocab, pre);
}

}  // namespace

Result<Tokenizer> tokenizer_of(const SentencePieceModel& model, std::uint32_t vocabulary) {
  if (!model.is_bpe) {
    return fail(Code::InvalidRequest, Message::UnknownModel,
                {"a SentencePiece model that is not BPE"});
  }
  if (model.has_charsmap) {
    return fail(Code::InvalidRequest, Message::UnknownModel,
                {"a SentencePiece model that normalises characters"});
  }
  if (model.pieces.size() > vocabulary) {
    return bad_checkpoint("tokenizer.model",
                          fmt::format("it has {} pieces, config.json's vocab_size is {}",
                                      model.pieces.size(), vocabulary));
  }
  Tokenizer out;
  out.model = "llama";
  out.pre = "default";
  out.add_space_prefix = model.add_dummy_prefix;
  for (const Piece& piece : model.pieces) {
    PieceType type = piece.type;
    // llama.cpp cuts the text at every user-defined token and puts a space in front of what
    // follows. Right for markers; for the digits, newlines and underscores that TeleChat's
    // training kept whole it would add spaces that SentencePiece does not. As normal pieces they
    // come out the same: no other piece contains them.
    if (type == PieceType::UserDefined && !is_marker(piece.text)) type = PieceType::Normal;
    out.tokens.push_back(piece.text);
    out.scores.push_back(piece.score);
    out.types.push_back(number_of(type));
  }
  out.unk = within(model.unk, vocabulary);
  out.bos = within(model.bos, vocabulary);
  out.eos = within(model.eos, vocabulary);
  out.pad = within(model.pad, vocabulary);
  pad_to(out, vocabulary, -10'000);
  return out;
}

Result<Tokenizer> tokenizer_of(TokenizerJson&& file, std::uint32_t vocabulary,
                               const std::string& pre) {
  if (file.tokens.size() > vocabulary) {
    return bad_checkpoint("tokenizer.json",
                          fmt::format("it has {} tokens, config.json's vocab_size is {}",
                                      file.tokens.size(), vocabulary));
  }
  Tokenizer out;
  out.model = "gpt2";
  out.pre = pre.empty() ? file.pre : pre;
  if (out.pre.empty()) {
    return bad_checkpoint("tokenizer.json",
                          "its pre_tokenizer splits by a pattern that is not known; name the rule "
                          "with --pre");
  }
  out.tokens = std::move(file.tokens);
  out.types.assign(out.tokens.size(), number_of(PieceType::Normal));
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    if (!out.tokens[i].empty()) continue;
    out.tokens[i] = fmt::format("[PAD{}]", i);
    out.types[i] = number_of(PieceType::Unused);
  }
  for (const AddedToken& added : file.added) {
    const bool control = added.special || looks_special(added.text);
    out.types[added.id] = number_of(control ? PieceType::Control : PieceType::UserDefined);
  }
  out.merges = std::move(file.merges);
  out.add_bos = file.adds_bos;
  pad_to(out, vocabulary, 0);
  out.scores.clear();  // byte-level BPE goes by the order of merges
  return out;
}

Result<Tokenizer> read_tokenizer(const Checkpoint& checkpoint, const HfConfig& config,
                                 const std::string& pre) {
  XC_TRY(Tokenizer tokenizer, read_vocabulary(checkpoint, config, pre));
  XC_TRY(const auto text, checkpoint.text_of("tokenizer_config.json", limits::kTokenizerBytesMax));
  json::object fields;
  if (text) {
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = kConfigDepthMax;
    json::value parsed = json::parse(*text, error, json::storage_ptr(), options);
    if (error || !parsed.is_object()) {
      return bad_checkpoint("tokenizer_config.json", "it is no JSON object");
    }
    fields = std::move(parsed.get_object());
  }
  XC_CHECK(take_added(fields, config.vocab, tokenizer));
  take_specials(fields, config, tokenizer);
  tokenizer.chat_template = template_in(fields);
  if (tokenizer.chat_template.empty()) {
    XC_TRY(const auto file, checkpoint.text_of("chat_template.jinja", limits::kTokenizerBytesMax));
    tokenizer.chat_template = file.value_or("");
  }
  return tokenizer;
}

void add_tokenizer(const Tokenizer& tokenizer, Metadata& metadata) {
  const auto add = [&metadata](std::string_view key, MetadataValue value) {
    metadata.emplace_back(fmt::format("tokenizer.{}", key), std::move(value));
  };
  add("ggml.model", tokenizer.model);
  add("ggml.pre", tokenizer.pre);
  add("ggml.tokens", tokenizer.tokens);
  if (!tokenizer.scores.empty()) add("ggml.scores", tokenizer.scores);
  add("ggml.token_type", tokenizer.types);
  if (!tokenizer.merges.empty()) add("ggml.merges", tokenizer.merges);
  if (tokenizer.bos) add("ggml.bos_token_id", *tokenizer.bos);
  if (tokenizer.eos) add("ggml.eos_token_id", *tokenizer.eos);
  if (tokenizer.unk) add("ggml.unknown_token_id", *tokenizer.unk);
  if (tokenizer.pad) add("ggml.padding_token_id", *tokenizer.pad);
  add("ggml.add_bos_token", tokenizer.add_bos);
  if (tokenizer.model == "llama") add("ggml.add_space_prefix", tokenizer.add_space_prefix);
  if (!tokenizer.chat_template.empty()) add("chat_template", tokenizer.chat_template);
}

}  // namespace xc::convert

#include "schema/request_fields.h"

#include <charconv>
#include <limits>

#include "base/limits.h"

namespace xc::schema {
namespace {

constexpr std::int64_t kTokenMax = std::numeric_limits<std::int32_t>::max();
constexpr double kBiasMax = 100;

Result<std::string> read_stop(const JsonField& field) {
  XC_TRY(const std::string_view text, field.as_text());
  if (text.empty() || text.size() > limits::kStopBytesMax) {
    return fail_field(
        field.path(), xc::Message::BadLength,
        {field.path(), "1", std::to_string(limits::kStopBytesMax), std::to_string(text.size())});
  }
  return std::string(text);
}

// {"1234": -100}: as OpenAI has it.
Status read_bias_object(const JsonObject& object, Sampling& out) {
  for (const auto& member : object.object()) {
    const std::string_view key = member.key();
    const JsonField field(member.value(), object.path_of(key));
    std::int32_t token = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    if (error != std::errc() || end != key.data() + key.size() || token < 0) {
      return field.bad_value(key, "token ids");
    }
    XC_TRY(const double bias, field.as_number(-kBiasMax, kBiasMax));
    out.logit_bias.emplace_back(token, bias);
  }
  return {};
}

// [[1234, -100]]: as llama-server has it.
Status read_bias_pairs(const JsonArray& pairs, Sampling& out) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const JsonField field = pairs.at(i);
    XC_TRY(const JsonArray pair, field.as_array(2));
    if (pair.size() != 2) return field.wrong_type("[token id, bias]");
    XC_TRY(const std::int64_t token, pair.at(0).as_integer(0, kTokenMax));
    XC_TRY(const double bias, pair.at(1).as_number(-kBiasMax, kBiasMax));
    out.logit_bias.emplace_back(static_cast<std::int32_t>(token), bias);
  }
  return {};
}

Status read_bias(const JsonObject& body, Sampling& out) {
  const auto field = body.find("logit_bias");
  if (!field) return {};
  if (field->value().is_array()) {
    XC_TRY(const JsonArray pairs, field->as_array(limits::kLogitBiasMax));
    return read_bias_pairs(pairs, out);
  }
  XC_TRY(const JsonObject object, field->as_object());
  if (object.object().size() > limits::kLogitBiasMax) {
    return fail_field(field->path(), xc::Message::TooMany,
                      {field->path(), std::to_string(object.object().size()),
                       std::to_string(limits::kLogitBiasMax)});
  }
  return read_bias_object(object, out);
}

Result<Prompt> read_prompt(const JsonField& field) {
  Prompt prompt;
  if (field.value().is_string()) {
    XC_TRY(prompt.text, field.as_text());
    return prompt;
  }
  if (!field.value().is_array()) return field.wrong_type("string or array of token ids");
  XC_TRY(const JsonArray tokens, field.as_array(limits::kBodyBytesMax));
  XC_TRY(prompt.tokens, read_tokens(tokens));
  if (prompt.tokens.empty()) return fail_field(field.path(), xc::Message::PromptEmpty, {});
  return prompt;
}

// A string, or an array that begins with a token id.
bool is_one_prompt(const boost::json::value& value) {
  const boost::json::array* items = value.if_array();
  return value.is_string() || (items != nullptr && !items->empty() && items->front().is_number());
}

}  // namespace

Result<std::string> read_model(const JsonObject& body) {
  XC_TRY(std::string model, body.need_text("model"));
  if (model.empty()) return fail_field("model", xc::Message::MissingField, {"model"});
  return model;
}

Status read_sampling(const JsonObject& body, Sampling& out) {
  XC_CHECK(body.number("temperature", out.temperature, 0, 2));
  XC_CHECK(body.number("top_p", out.top_p, 0, 1));
  XC_CHECK(body.integer("top_k", out.top_k, -1, static_cast<int>(kTokenMax)));
  if (out.top_k == -1) out.top_k = 0;  // how vLLM and SGLang say off
  XC_CHECK(body.number("min_p", out.min_p, 0, 1));
  XC_CHECK(body.number("presence_penalty", out.presence_penalty, -2, 2));
  XC_CHECK(body.number("frequency_penalty", out.frequency_penalty, -2, 2));
  XC_CHECK(body.number("repetition_penalty", out.repetition_penalty, 0.01, 10));
  XC_CHECK(body.integer("seed", out.seed, std::numeric_limits<std::int64_t>::min(),
                        std::numeric_limits<std::int64_t>::max()));
  return read_bias(body, out);
}

Status read_stops(const JsonObject& body, std::string_view key, std::vector<std::string>& out) {
  const auto field = body.find(key);
  if (!field) return {};
  if (field->value().is_string()) {
    XC_TRY(std::string stop, read_stop(*field));
    out.push_back(std::move(stop));
    return {};
  }
  if (!field->value().is_array()) return field->wrong_type("string or array");
  XC_TRY(const JsonArray stops, field->as_array(limits::kStopsMax));
  for (std::size_t i = 0; i < stops.size(); ++i) {
    XC_TRY(std::string stop, read_stop(stops.at(i)));
    out.push_back(std::move(stop));
  }
  return {};
}

Status read_stream(const JsonObject& body, bool& stream, bool& include_usage) {
  XC_CHECK(body.flag("stream", stream));
  XC_TRY(const auto options, body.object("stream_options"));
  if (options) XC_CHECK(options->flag("include_usage", include_usage));
  include_usage = include_usage && stream;
  return {};
}

Status read_speculation(const JsonObject& body, Speculation& out) {
  const auto field = body.find("speculation");
  if (!field) return {};
  XC_TRY(const std::size_t which, field->as_one_of({"auto", "off"}));
  out = which == 0 ? Speculation::Auto : Speculation::Off;
  return {};
}

Result<std::vector<std::int32_t>> read_tokens(const JsonArray& array) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    XC_TRY(const std::int64_t token, array.at(i).as_integer(0, kTokenMax));
    tokens.push_back(static_cast<std::int32_t>(token));
  }
  return tokens;
}

Result<std::vector<Prompt>> read_prompts(const JsonField& field, std::size_t prompts_max) {
  std::vector<Prompt> prompts;
  if (is_one_prompt(field.value())) {
    XC_TRY(Prompt prompt, read_prompt(field));
    prompts.push_back(std::move(prompt));
    return prompts;
  }
  if (!field.value().is_array()) return field.wrong_type("string or array");
  XC_TRY(const JsonArray items, field.as_array(prompts_max));
  if (items.size() == 0) return fail_field(field.path(), xc::Message::PromptEmpty, {});
  prompts.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    XC_TRY(Prompt prompt, read_prompt(items.at(i)));
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

}  // namespace xc::schema

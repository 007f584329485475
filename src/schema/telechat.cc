#include "schema/telechat.h"

#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>

#include "base/limits.h"
#include "schema/json_reader.h"
#include "schema/json_text.h"

namespace xc::schema::telechat {
namespace {

constexpr int kLengthMax = 4'096;
constexpr int kLengthDefault = 4'096;
constexpr int kTopKMax = 99;
constexpr int kTopKDefault = 20;
constexpr double kTopPDefault = 0.2;
constexpr double kTemperatureDefault = 0.1;
constexpr double kRepetitionMax = 100;
constexpr double kRepetitionDefault = 1.03;

constexpr std::array<std::string_view, 6> kParameters{
    "do_sample", "max_length", "top_k", "top_p", "temperature", "repetition_penalty"};

Status read_turn(const JsonObject& turn, Role expected, ChatRequest& out) {
  XC_TRY(const JsonField role, turn.need("role"));
  XC_TRY(const std::size_t kind, role.as_one_of({"user", "bot"}));
  const bool users = expected == Role::User;
  if ((kind == 0) != users) return role.bad_value(users ? "bot" : "user", users ? "user" : "bot");
  Message message;
  message.role = expected;
  XC_TRY(std::string text, turn.need_text("content"));
  message.parts.push_back({std::move(text), {}});
  out.messages.push_back(std::move(message));
  return {};
}

Status read_turns(const JsonObject& body, ChatRequest& out) {
  XC_TRY(const JsonArray dialog, body.need_array("dialog", limits::kMessagesMax));
  for (std::size_t i = 0; i < dialog.size(); ++i) {
    XC_TRY(const JsonObject turn, dialog.at(i).as_object());
    XC_CHECK(read_turn(turn, i % 2 == 0 ? Role::User : Role::Assistant, out));
  }
  if (out.messages.empty()) {
    return fail_field("dialog", xc::Message::OutOfRange,
                      {"dialog", "1", std::to_string(limits::kMessagesMax), "0"});
  }
  if (out.messages.back().role == Role::User) return {};
  const JsonField last = dialog.at(dialog.size() - 1);
  return fail_field(last.path() + ".role", xc::Message::BadValue,
                    {last.path() + ".role", "bot", "user"});
}

// A number between two that it may not be; the default when the field is absent.
Status read_between(const JsonObject& body, std::string_view key, double low, double high,
                    double otherwise, std::optional<double>& out) {
  out = otherwise;
  const auto field = body.find(key);
  if (!field) return {};
  XC_TRY(const double value, field->as_number(low, high));
  if (value <= low || value >= high) {
    std::array<std::string, 3> texts;
    for (std::size_t i = 0; i < 3; ++i) append_number(texts[i], std::array{low, high, value}[i]);
    return field->out_of_range(texts[0], texts[1], texts[2]);
  }
  out = value;
  return {};
}

Status read_parameters(const JsonObject& body, ChatRequest& out) {
  bool sample = true;
  int top_k = kTopKDefault;
  int length = kLengthDefault;
  XC_CHECK(body.flag("do_sample", sample));
  XC_CHECK(body.integer("max_length", length, 1, kLengthMax));
  XC_CHECK(body.integer("top_k", top_k, 1, kTopKMax));
  XC_CHECK(read_between(body, "top_p", 0, 1, kTopPDefault, out.sampling.top_p));
  XC_CHECK(read_between(body, "temperature", 0, 1, kTemperatureDefault, out.sampling.temperature));
  XC_CHECK(read_between(body, "repetition_penalty", 1, kRepetitionMax, kRepetitionDefault,
                        out.sampling.repetition_penalty));
  out.max_tokens = length;
  out.sampling.top_k = top_k;
  if (!sample) out.sampling.temperature = 0;
  return {};
}

void write_head(JsonWriter& w, std::string_view seqid, std::string_view code,
                std::string_view message, std::string_view flag) {
  w.text("seqid", seqid);
  w.text("code", code);
  w.text("message", message);
  w.text("flag", flag);
}

}  // namespace

Result<ChatRequest> parse_dialog(std::string_view json) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  ChatRequest out;
  XC_CHECK(body.text("model", out.model));
  XC_CHECK(read_turns(body, out));
  XC_CHECK(read_parameters(body, out));
  return out;
}

std::string_view code_of(const Error& error) {
  if (error.message == xc::Message::MissingField) return "10301";
  if (error.param.starts_with("dialog")) return "10904";
  const bool parameter =
      std::find(kParameters.begin(), kParameters.end(), error.param) != kParameters.end();
  return parameter ? "10305" : "10903";
}

std::string render_error(const Error& error, Language language, std::string_view seqid) {
  std::string out;
  JsonWriter w(out);
  write_head(w, seqid, code_of(error), text_of(error, language), "0");
  w.text("data", language == Language::Zh ? "执行失败" : "failed");
  w.end();
  return out;
}

std::string render_reply(std::string_view seqid, const Collector& answer) {
  const std::string_view content =
      answer.choices().empty() ? std::string_view() : answer.choices().front().content;
  std::string out;
  JsonWriter w(out);
  write_head(w, seqid, "0", "success", "1");
  JsonWriter data(w.key("data"));
  data.text("role", "bot");
  data.text("content", content);
  data.end();
  w.text("role", "bot");
  w.text("content", content);
  w.end();
  return out;
}

}  // namespace xc::schema::telechat

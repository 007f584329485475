#include <boost/json/monotonic_resource.hpp>

#include "base/limits.h"
#include "schema/chat_parts.h"
#include "schema/json_reader.h"
#include "schema/openai.h"
#include "schema/request_fields.h"

namespace xc::schema {
namespace {

Status read_format(const JsonObject& body, ResponseFormat& out) {
  using Kind = ResponseFormat::Kind;
  XC_TRY(const auto format, body.object("response_format"));
  if (!format) return {};
  XC_TRY(const JsonField type, format->need("type"));
  XC_TRY(const std::size_t kind, type.as_one_of({"text", "json_object", "json_schema"}));
  constexpr Kind kKinds[] = {Kind::Text, Kind::JsonObject, Kind::JsonSchema};
  out.kind = kKinds[kind];
  if (out.kind == Kind::JsonSchema) {
    XC_TRY(const JsonObject named, format->need_object("json_schema"));
    XC_TRY(const JsonObject schema, named.need_object("schema"));
    out.schema_json = json_of(schema.object());
  } else if (out.kind == Kind::JsonObject) {
    // llama-server's older form: {"type":"json_object","schema":{…}}
    XC_TRY(const auto schema, format->object("schema"));
    if (schema) out = {Kind::JsonSchema, json_of(schema->object())};
  }
  return {};
}

Status read_logprobs(const JsonObject& body, ChatRequest& out) {
  XC_CHECK(body.flag("logprobs", out.logprobs));
  XC_CHECK(
      body.integer("top_logprobs", out.top_logprobs, 0, static_cast<int>(limits::kTopLogprobsMax)));
  if (out.top_logprobs > 0 && !out.logprobs) {
    return fail_field("logprobs", xc::Message::BadValue, {"logprobs", "false", "true"});
  }
  return {};
}

Status read_thinking(const JsonObject& body, ChatRequest& out) {
  if (const auto effort = body.find("reasoning_effort")) {
    XC_CHECK(effort->as_one_of({"none", "minimal", "low", "medium", "high"}));
    XC_TRY(out.reasoning_effort, effort->as_text());
  }
  XC_CHECK(body.flag("enable_thinking", out.thinking));  // where DashScope's clients put it
  const auto thinking = body.find("thinking");
  if (thinking && thinking->value().is_object()) {
    XC_TRY(const JsonObject object, thinking->as_object());
    XC_CHECK(read_thinking_switch(object, out));
  }
  XC_TRY(const auto kwargs, body.object("chat_template_kwargs"));
  if (kwargs) {
    for (const auto& member : kwargs->object()) {
      out.template_kwargs[std::string(member.key())] = json_of(member.value());
    }
    XC_CHECK(kwargs->flag("enable_thinking", out.thinking));
  }
  return read_thinking_budget(body, out);
}

Status read_max_tokens(const JsonObject& body, ChatRequest& out) {
  XC_CHECK(body.integer("max_tokens", out.max_tokens, 1, limits::kMaxTokensMax));
  return body.integer("max_completion_tokens", out.max_tokens, 1, limits::kMaxTokensMax);
}

}  // namespace

Result<ChatRequest> parse_chat(std::string_view json) {
  unsigned char stack[4'096];  // a short question's document fits
  boost::json::monotonic_resource memory(stack, sizeof stack);
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  ChatRequest out;
  XC_TRY(out.model, read_model(body));
  XC_TRY(const JsonArray messages, body.need_array("messages", limits::kMessagesMax));
  XC_TRY(out.messages, read_messages(messages));
  XC_CHECK(read_tools(body, out));
  XC_CHECK(read_format(body, out.format));
  XC_CHECK(read_sampling(body, out.sampling));
  XC_CHECK(read_speculation(body, out.speculation));
  XC_CHECK(read_max_tokens(body, out));
  XC_CHECK(body.integer("n", out.n, 1, static_cast<int>(limits::kChoicesMax)));
  XC_CHECK(read_stops(body, "stop", out.stop));
  XC_CHECK(read_stream(body, out.stream, out.include_usage));
  XC_CHECK(read_logprobs(body, out));
  XC_CHECK(body.flag("ignore_eos", out.ignore_eos));
  XC_CHECK(read_thinking(body, out));
  XC_CHECK(read_grounding(body, out));
  return out;
}

}  // namespace xc::schema

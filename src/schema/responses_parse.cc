#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <string>
#include <utility>

#include "base/limits.h"
#include "schema/chat_parts.h"
#include "schema/json_reader.h"
#include "schema/json_text.h"
#include "schema/request_fields.h"
#include "schema/responses.h"
#include "schema/responses_input.h"

namespace xc::schema::responses {
namespace {

// Reads one body into one ChatRequest.
class ResponsesReader {
 public:
  explicit ResponsesReader(ResponsesRequest& request) : request_(request), chat_(request.chat) {}

  Status read(const JsonObject& body);

 private:
  Status refuse_stored(const JsonObject& body);
  Status read_tools(const JsonObject& body);
  Status read_tool_choice(const JsonObject& body);
  Status read_allowed_tools(const JsonObject& choice);
  Status read_format(const JsonObject& body);
  Status read_reasoning_effort(const JsonObject& body);
  Status read_logprobs(const JsonObject& body);

  ResponsesRequest& request_;
  ChatRequest& chat_;
};

Status ResponsesReader::read(const JsonObject& body) {
  XC_TRY(chat_.model, read_model(body));
  XC_CHECK(refuse_stored(body));
  XC_CHECK(body.text("instructions", request_.instructions));
  if (!request_.instructions.empty()) {
    Message& message = chat_.messages.emplace_back();
    message.role = Role::System;
    message.parts.push_back(ContentPart{request_.instructions, std::nullopt});
  }
  XC_TRY(const JsonField input, body.need("input"));
  XC_CHECK(read_input(input, chat_.messages));
  if (chat_.messages.empty()) return fail_field("input", xc::Message::PromptEmpty, {});
  XC_CHECK(check_sizes(chat_, "input"));
  XC_CHECK(read_tools(body));
  XC_CHECK(read_tool_choice(body));
  XC_CHECK(read_format(body));
  XC_CHECK(read_reasoning_effort(body));
  XC_CHECK(read_thinking_budget(body, chat_));
  XC_CHECK(read_grounding(body, chat_));
  XC_CHECK(read_logprobs(body));
  XC_CHECK(body.integer("max_output_tokens", chat_.max_tokens, 1, limits::kMaxTokensMax));
  XC_CHECK(read_sampling(body, chat_.sampling));
  XC_CHECK(read_speculation(body, chat_.speculation));
  XC_CHECK(body.flag("parallel_tool_calls", chat_.parallel_tool_calls));
  XC_CHECK(settle_choice(chat_));
  XC_CHECK(body.flag("stream", chat_.stream));
  chat_.include_usage = chat_.stream;  // this API always tells it
  return {};
}

// What only a server that keeps responses can answer.
Status ResponsesReader::refuse_stored(const JsonObject& body) {
  if (const auto previous = body.find("previous_response_id")) {
    XC_TRY(const std::string_view id, previous->as_text());
    return not_stored("previous_response_id", id);
  }
  if (const auto conversation = body.find("conversation")) {
    std::string id;
    if (conversation->value().is_string()) {
      id = *conversation->as_text();
    } else {
      XC_TRY(const JsonObject object, conversation->as_object());
      XC_TRY(id, object.need_text("id"));
    }
    return not_stored("conversation", id);
  }
  bool background = false;
  XC_CHECK(body.flag("background", background));
  if (background) return fail_field("background", xc::Message::Unsupported, {"background"});
  if (body.find("prompt")) return fail_field("prompt", xc::Message::Unsupported, {"prompt"});
  return {};
}

Status ResponsesReader::read_tools(const JsonObject& body) {
  XC_TRY(const auto tools, body.array("tools", limits::kToolsMax));
  for (std::size_t i = 0; tools && i < tools->size(); ++i) {
    XC_TRY(const JsonObject object, tools->at(i).as_object());
    XC_TRY(const JsonField type, object.need("type"));
    XC_CHECK(type.as_one_of({"function"}));  // the others run on OpenAI's machines
    XC_TRY(Tool tool, read_tool(object, "parameters"));
    chat_.tools.push_back(std::move(tool));
  }
  return {};
}

Status ResponsesReader::read_tool_choice(const JsonObject& body) {
  using Kind = ToolChoice::Kind;
  const auto choice = body.find("tool_choice");
  if (choice && choice->value().is_string()) {
    XC_TRY(const std::size_t kind, choice->as_one_of({"auto", "none", "required"}));
    constexpr std::array kKinds{Kind::Auto, Kind::None, Kind::Required};
    chat_.tool_choice.kind = kKinds.at(kind);
  } else if (choice) {
    if (!choice->value().is_object()) return choice->wrong_type("string or object");
    XC_TRY(const JsonObject object, choice->as_object());
    XC_TRY(const JsonField type, object.need("type"));
    XC_TRY(const std::size_t kind, type.as_one_of({"function", "allowed_tools"}));
    if (kind == 1) return read_allowed_tools(object);
    XC_TRY(const JsonField name, object.need("name"));
    return choose_named(name, chat_.tools, chat_.tool_choice);
  }
  return {};
}

// {"type":"allowed_tools","mode":"auto"|"required","tools":[{"type":"function","name"}]}: the other
// tools are not offered to the model in this turn.
Status ResponsesReader::read_allowed_tools(const JsonObject& choice) {
  XC_TRY(const JsonField mode, choice.need("mode"));
  XC_TRY(const std::size_t kind, mode.as_one_of({"auto", "required"}));
  XC_TRY(const JsonArray allowed, choice.need_array("tools", limits::kToolsMax));
  std::vector<Tool> offered;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    XC_TRY(const JsonObject object, allowed.at(i).as_object());
    XC_TRY(const JsonField name, object.need("name"));
    ToolChoice named;
    XC_CHECK(choose_named(name, chat_.tools, named));
    offered.push_back(*std::ranges::find(chat_.tools, named.name, &Tool::name));
  }
  chat_.tools = std::move(offered);
  chat_.tool_choice.kind = kind == 0 ? ToolChoice::Kind::Auto : ToolChoice::Kind::Required;
  return {};
}

Status ResponsesReader::read_format(const JsonObject& body) {
  using Kind = ResponseFormat::Kind;
  XC_TRY(const auto text, body.object("text"));
  if (!text) return {};
  XC_TRY(const auto format, text->object("format"));
  if (!format) return {};
  XC_TRY(const JsonField type, format->need("type"));
  XC_TRY(const std::size_t kind, type.as_one_of({"text", "json_object", "json_schema"}));
  constexpr std::array kKinds{Kind::Text, Kind::JsonObject, Kind::JsonSchema};
  chat_.format.kind = kKinds.at(kind);
  if (chat_.format.kind != Kind::JsonSchema) return {};
  XC_TRY(const std::string name, format->need_text("name"));  // the reply repeats it
  XC_TRY(const JsonObject schema, format->need_object("schema"));
  chat_.format.schema_json = json_of(schema.object());
  return {};
}

Status ResponsesReader::read_reasoning_effort(const JsonObject& body) {
  XC_TRY(const auto reasoning, body.object("reasoning"));
  if (!reasoning) return {};
  const auto effort = reasoning->find("effort");
  if (!effort) return {};
  XC_TRY(const std::size_t level,
         effort->as_one_of({"none", "minimal", "low", "medium", "high", "xhigh", "max"}));
  constexpr std::array kLevels{"none", "minimal", "low", "medium", "high", "high", "high"};
  chat_.reasoning_effort = kLevels.at(level);
  return {};
}

Status ResponsesReader::read_logprobs(const JsonObject& body) {
  XC_CHECK(body.integer("top_logprobs", chat_.top_logprobs, 0,
                        static_cast<int>(limits::kTopLogprobsMax)));
  chat_.logprobs = chat_.top_logprobs > 0;
  XC_TRY(const auto include, body.array("include", limits::kMessagesMax));
  for (std::size_t i = 0; include && i < include->size(); ++i) {
    XC_TRY(const std::string_view name, include->at(i).as_text());
    if (name == "message.output_text.logprobs") chat_.logprobs = true;
  }
  return {};
}

// Fields that are only repeated. Of metadata at most 16 texts, as OpenAI has it.
Status check_repeated(const JsonObject& body) {
  std::string user;
  XC_CHECK(body.text("user", user));
  std::optional<int> calls;
  XC_CHECK(body.integer("max_tool_calls", calls, 1, limits::kMaxTokensMax));
  XC_TRY(const auto metadata, body.object("metadata"));
  if (!metadata) return {};
  constexpr std::size_t kPairsMax = 16;
  if (metadata->object().size() > kPairsMax) {
    return fail_field(
        "metadata", xc::Message::TooMany,
        {"metadata", std::to_string(metadata->object().size()), std::to_string(kPairsMax)});
  }
  for (const auto& pair : metadata->object()) {
    const JsonField value(pair.value(), metadata->path_of(pair.key()));
    XC_CHECK(value.as_text());
  }
  return {};
}

// The fields that a reply repeats, with OpenAI's defaults where the request has none.
std::string echo_of(const JsonObject& body) {
  std::string out;
  JsonWriter echo(out);
  auto repeat = [&](std::string_view key, std::string_view otherwise) {
    const auto field = body.find(key);
    if (field) {
      echo.raw(key, json_of(field->value()));
    } else {
      echo.raw(key, otherwise);
    }
  };
  repeat("instructions", "null");
  repeat("max_output_tokens", "null");
  repeat("max_tool_calls", "null");
  repeat("metadata", "{}");
  repeat("parallel_tool_calls", "true");
  repeat("reasoning", R"({"effort":null,"summary":null})");
  repeat("temperature", "null");
  repeat("text", R"({"format":{"type":"text"}})");
  repeat("tool_choice", R"("auto")");
  repeat("tools", "[]");
  repeat("top_logprobs", "0");
  repeat("top_p", "null");
  repeat("user", "null");
  echo.text("truncation", "disabled");  // a prompt that is too long is refused, never cut
  echo.end();
  return out;
}

}  // namespace

Result<ResponsesRequest> parse(std::string_view json) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  ResponsesRequest request;
  XC_CHECK(ResponsesReader(request).read(body));
  XC_CHECK(check_repeated(body));
  request.echo_json = echo_of(body);
  return request;
}

}  // namespace xc::schema::responses

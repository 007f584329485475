#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <string>
#include <utility>

#include "base/limits.h"
#include "schema/anthropic.h"
#include "schema/chat_parts.h"
#include "schema/data_url.h"
#include "schema/json_reader.h"
#include "schema/request_fields.h"

namespace xc::schema::anthropic {
namespace {

void add_text(std::vector<ContentPart>& parts, std::string text) {
  parts.push_back(ContentPart{std::move(text), std::nullopt});
}

Message turn_of(Role role) {
  Message message;
  message.role = role;
  return message;
}

// Reads one body into one ChatRequest.
class MessagesReader {
 public:
  explicit MessagesReader(ChatRequest& request) : request_(request) {}

  Status read(const JsonObject& body, bool needs_max_tokens);

 private:
  Status read_system(const JsonObject& body);
  Status read_message(const JsonField& field);
  Status read_user(const JsonArray& blocks);
  Status read_assistant(const JsonArray& blocks);
  Status read_assistant_block(const JsonObject& block, Message& message);
  Status read_tool_result(const JsonObject& block);
  Status read_part(const JsonObject& block, std::vector<ContentPart>& parts);
  // A string, or an array of blocks that read_part takes.
  Status read_parts(const JsonField& content, std::vector<ContentPart>& parts);
  Status read_image(const JsonObject& block, std::vector<ContentPart>& parts);
  Status read_document(const JsonObject& block, std::vector<ContentPart>& parts);
  Status read_tools(const JsonObject& body);
  Status read_tool_choice(const JsonObject& body);
  Status read_thinking(const JsonObject& body);
  Status read_output(const JsonObject& body);

  ChatRequest& request_;
  std::size_t images_ = 0;
};

Status MessagesReader::read(const JsonObject& body, bool needs_max_tokens) {
  XC_TRY(request_.model, read_model(body));
  XC_CHECK(body.integer("max_tokens", request_.max_tokens, 1, limits::kMaxTokensMax));
  if (needs_max_tokens && !request_.max_tokens) {
    return fail_field("max_tokens", xc::Message::MissingField, {"max_tokens"});
  }
  XC_CHECK(read_system(body));
  XC_TRY(const JsonArray messages, body.need_array("messages", limits::kMessagesMax));
  for (std::size_t i = 0; i < messages.size(); ++i) XC_CHECK(read_message(messages.at(i)));
  const bool empty = request_.messages.empty() || messages.size() == 0;
  if (empty) return fail_field("messages", xc::Message::PromptEmpty, {});
  XC_CHECK(check_sizes(request_, "messages"));
  XC_CHECK(read_tools(body));
  XC_CHECK(read_tool_choice(body));
  XC_CHECK(settle_choice(request_));
  XC_CHECK(read_stops(body, "stop_sequences", request_.stop));
  XC_CHECK(read_thinking(body));
  XC_CHECK(read_output(body));
  XC_CHECK(read_grounding(body, request_));
  XC_CHECK(read_sampling(body, request_.sampling));
  XC_CHECK(read_speculation(body, request_.speculation));
  XC_CHECK(body.flag("stream", request_.stream));
  request_.include_usage = request_.stream;  // this API always tells it
  return {};
}

Status MessagesReader::read_system(const JsonObject& body) {
  const auto system = body.find("system");
  if (!system) return {};
  Message message = turn_of(Role::System);
  XC_CHECK(read_parts(*system, message.parts));
  if (!message.parts.empty()) request_.messages.push_back(std::move(message));
  return {};
}

Status MessagesReader::read_message(const JsonField& field) {
  XC_TRY(const JsonObject object, field.as_object());
  XC_TRY(const JsonField role_field, object.need("role"));
  XC_TRY(const std::size_t role, role_field.as_one_of({"user", "assistant", "system"}));
  XC_TRY(const JsonField content, object.need("content"));
  if (role == 2 || content.value().is_string()) {
    constexpr std::array kRoles{Role::User, Role::Assistant, Role::System};
    Message message = turn_of(kRoles.at(role));
    XC_CHECK(read_parts(content, message.parts));
    request_.messages.push_back(std::move(message));
    return {};
  }
  if (!content.value().is_array()) return content.wrong_type("string or array");
  XC_TRY(const JsonArray blocks, content.as_array(limits::kMessagesMax));
  return role == 0 ? read_user(blocks) : read_assistant(blocks);
}

// Results of tools are turns of their own here; what stands before and after them stays in order.
Status MessagesReader::read_user(const JsonArray& blocks) {
  Message message = turn_of(Role::User);
  auto flush = [&] {
    if (message.parts.empty()) return;
    request_.messages.push_back(std::exchange(message, turn_of(Role::User)));
  };
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    XC_TRY(const JsonObject block, blocks.at(i).as_object());
    XC_TRY(const JsonField type, block.need("type"));
    XC_TRY(const std::size_t kind,
           type.as_one_of({"text", "image", "document", "search_result", "tool_result"}));
    if (kind == 4) {
      flush();
      XC_CHECK(read_tool_result(block));
    } else {
      XC_CHECK(read_part(block, message.parts));
    }
  }
  flush();
  return {};
}

Status MessagesReader::read_assistant(const JsonArray& blocks) {
  Message message = turn_of(Role::Assistant);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    XC_TRY(const JsonObject block, blocks.at(i).as_object());
    XC_CHECK(read_assistant_block(block, message));
  }
  request_.messages.push_back(std::move(message));
  return {};
}

Status MessagesReader::read_assistant_block(const JsonObject& block, Message& message) {
  XC_TRY(const JsonField type, block.need("type"));
  XC_TRY(const std::size_t kind,
         type.as_one_of({"text", "thinking", "redacted_thinking", "tool_use"}));
  if (kind == 0) return read_part(block, message.parts);
  if (kind == 1) {
    XC_TRY(const std::string thinking, block.need_text("thinking"));
    if (!message.reasoning.empty()) message.reasoning += '\n';
    message.reasoning += thinking;
  }
  if (kind == 3) {
    ToolCall call;
    XC_TRY(call.id, block.need_text("id"));
    XC_TRY(call.name, block.need_text("name"));
    XC_TRY(const auto input, block.object("input"));
    call.arguments = input ? json_of(input->object()) : "{}";
    message.tool_calls.push_back(std::move(call));
  }
  return {};
}

Status MessagesReader::read_tool_result(const JsonObject& block) {
  Message message = turn_of(Role::Tool);
  XC_TRY(message.tool_call_id, block.need_text("tool_use_id"));
  bool failed = false;
  XC_CHECK(block.flag("is_error", failed));
  // No chat template has a field for it, so the model reads it.
  if (failed) add_text(message.parts, "Error: ");
  if (const auto content = block.find("content")) XC_CHECK(read_parts(*content, message.parts));
  request_.messages.push_back(std::move(message));
  return {};
}

Status MessagesReader::read_parts(const JsonField& content, std::vector<ContentPart>& parts) {
  if (content.value().is_string()) {
    XC_TRY(const std::string_view text, content.as_text());
    add_text(parts, std::string(text));
    return {};
  }
  if (!content.value().is_array()) return content.wrong_type("string or array");
  XC_TRY(const JsonArray blocks, content.as_array(limits::kMessagesMax));
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    XC_TRY(const JsonObject block, blocks.at(i).as_object());
    XC_CHECK(read_part(block, parts));
  }
  return {};
}

Status MessagesReader::read_part(const JsonObject& block, std::vector<ContentPart>& parts) {
  XC_TRY(const JsonField type, block.need("type"));
  XC_TRY(const std::size_t kind, type.as_one_of({"text", "image", "document", "search_result"}));
  if (kind == 1) return read_image(block, parts);
  if (kind == 2) return read_document(block, parts);
  if (kind == 3) {
    XC_TRY(const JsonField content, block.need("content"));
    return read_parts(content, parts);
  }
  XC_TRY(std::string text, block.need_text("text"));
  add_text(parts, std::move(text));
  return {};
}

Status MessagesReader::read_image(const JsonObject& block, std::vector<ContentPart>& parts) {
  XC_TRY(const JsonObject source, block.need_object("source"));
  XC_TRY(const JsonField type, source.need("type"));
  XC_TRY(const std::size_t kind, type.as_one_of({"base64", "url"}));
  if (++images_ > limits::kImagesMax) {
    return fail_field(block.path_of("source"), xc::Message::TooMany,
                      {"messages", std::to_string(images_), std::to_string(limits::kImagesMax)});
  }
  ContentPart part;
  if (kind == 1) {
    XC_TRY(const JsonField url, source.need("url"));
    XC_TRY(const std::string_view text, url.as_text());
    XC_TRY(part.image, read_data_url(text, images_, url.path()));
  } else {
    XC_TRY(const std::string media_type, source.need_text("media_type"));
    XC_TRY(const JsonField data, source.need("data"));
    XC_TRY(const std::string_view text, data.as_text());
    XC_TRY(part.image, read_base64_image(media_type, text, images_, data.path()));
  }
  parts.push_back(std::move(part));
  return {};
}

// Only what is text already; a PDF would need a reader of its own.
Status MessagesReader::read_document(const JsonObject& block, std::vector<ContentPart>& parts) {
  XC_TRY(const JsonObject source, block.need_object("source"));
  XC_TRY(const JsonField type, source.need("type"));
  XC_TRY(const std::size_t kind, type.as_one_of({"text", "content"}));
  std::string title;
  XC_CHECK(block.text("title", title));
  if (!title.empty()) add_text(parts, title + "\n");
  XC_TRY(const JsonField content, source.need(kind == 0 ? "data" : "content"));
  return read_parts(content, parts);
}

Status MessagesReader::read_tools(const JsonObject& body) {
  XC_TRY(const auto tools, body.array("tools", limits::kToolsMax));
  for (std::size_t i = 0; tools && i < tools->size(); ++i) {
    XC_TRY(const JsonObject object, tools->at(i).as_object());
    // Anthropic's own tools (web_search_…, bash_…) run on Anthropic's machines.
    if (const auto type = object.find("type")) XC_CHECK(type->as_one_of({"custom"}));
    XC_CHECK(object.need("input_schema"));
    XC_TRY(Tool tool, read_tool(object, "input_schema"));
    request_.tools.push_back(std::move(tool));
  }
  return {};
}

Status MessagesReader::read_tool_choice(const JsonObject& body) {
  using Kind = ToolChoice::Kind;
  XC_TRY(const auto choice, body.object("tool_choice"));
  if (!choice) return {};
  XC_TRY(const JsonField type, choice->need("type"));
  XC_TRY(const std::size_t kind, type.as_one_of({"auto", "any", "tool", "none"}));
  bool one_at_a_time = false;
  XC_CHECK(choice->flag("disable_parallel_tool_use", one_at_a_time));
  request_.parallel_tool_calls = !one_at_a_time;
  constexpr std::array kKinds{Kind::Auto, Kind::Required, Kind::Named, Kind::None};
  request_.tool_choice.kind = kKinds.at(kind);
  if (kind != 2) return {};
  XC_TRY(const JsonField name, choice->need("name"));
  return choose_named(name, request_.tools, request_.tool_choice);
}

Status MessagesReader::read_thinking(const JsonObject& body) {
  XC_TRY(const auto thinking, body.object("thinking"));
  if (thinking) XC_CHECK(read_thinking_switch(*thinking, request_));
  return read_thinking_budget(body, request_);
}

// output_config, and the older output_format beside it.
Status MessagesReader::read_output(const JsonObject& body) {
  XC_TRY(const auto config, body.object("output_config"));
  XC_TRY(auto format, body.object("output_format"));
  if (config) {
    XC_TRY(const auto inner, config->object("format"));
    if (inner) format = inner;
    if (const auto effort = config->find("effort")) {
      XC_TRY(const std::size_t level, effort->as_one_of({"low", "medium", "high", "xhigh", "max"}));
      constexpr std::array kLevels{"low", "medium", "high", "high", "high"};
      request_.reasoning_effort = kLevels.at(level);
    }
  }
  if (!format) return {};
  XC_TRY(const JsonField type, format->need("type"));
  XC_CHECK(type.as_one_of({"json_schema"}));
  XC_TRY(const JsonObject schema, format->need_object("schema"));
  request_.format = {ResponseFormat::Kind::JsonSchema, json_of(schema.object())};
  return {};
}

Result<ChatRequest> parse_body(std::string_view json, bool needs_max_tokens) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  ChatRequest request;
  XC_CHECK(MessagesReader(request).read(body, needs_max_tokens));
  return request;
}

}  // namespace

Result<ChatRequest> parse_messages(std::string_view json) { return parse_body(json, true); }
Result<ChatRequest> parse_count_tokens(std::string_view json) { return parse_body(json, false); }

}  // namespace xc::schema::anthropic

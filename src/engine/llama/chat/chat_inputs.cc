#include "engine/llama/chat/chat_inputs.h"

#include <fmt/core.h>

#include <algorithm>

#include "engine/core/tool_text.h"
#include "engine/llama/chat/chat_format.h"

namespace xc::engine::llama {
namespace {

std::string_view role_name(schema::Role role) {
  switch (role) {
    case schema::Role::System:
      return "system";
    case schema::Role::User:
      return "user";
    case schema::Role::Assistant:
      return "assistant";
    case schema::Role::Tool:
      return "tool";
  }
  return "user";
}

common_chat_msg message_of(const schema::Message& message,
                           std::vector<const schema::Image*>& images) {
  common_chat_msg out;
  out.role = role_name(message.role);
  out.reasoning_content = message.reasoning;
  out.tool_call_id = message.tool_call_id;
  out.tool_name = message.name;
  for (const schema::ToolCall& call : message.tool_calls) {
    out.tool_calls.push_back({call.name, call.arguments, call.id});
  }
  for (const schema::ContentPart& part : message.parts) {
    if (part.image) {
      images.push_back(&*part.image);
      out.content += media_marker();
    } else {
      out.content += part.text;
    }
  }
  return out;
}

}  // namespace

bool speaks_of_tools(const schema::ChatRequest& request) {
  return !request.tools.empty() ||
         std::any_of(request.messages.begin(), request.messages.end(), [](const auto& m) {
           return m.role == schema::Role::Tool || !m.tool_calls.empty();
         });
}

std::vector<schema::Message> in_words(const schema::ChatRequest& request,
                                      const std::vector<schema::Tool>& tools) {
  std::vector<schema::Message> messages = request.messages;
  for (schema::Message& m : messages) {
    for (const schema::ToolCall& call : m.tool_calls) {
      m.parts.push_back(
          {fmt::format("{{\"name\": \"{}\", \"arguments\": {}}}", call.name, call.arguments), {}});
    }
    m.tool_calls.clear();
    if (m.role == schema::Role::Tool) {
      m.role = schema::Role::User;
      m.parts.insert(m.parts.begin(), {"Result of the tool: ", {}});
    }
  }
  if (tools.empty()) return messages;
  const bool has_system = !messages.empty() && messages.front().role == schema::Role::System;
  if (!has_system) {
    messages.insert(messages.begin(), schema::Message{});
    messages.front().role = schema::Role::System;
  }
  const std::string gap = has_system ? "\n\n" : "";
  messages.front().parts.push_back({gap + tool_instructions(tools), {}});
  return messages;
}

bool offers_tools(const schema::ChatRequest& request) {
  return !request.tools.empty() && request.tool_choice.kind != schema::ToolChoice::Kind::None;
}

std::vector<schema::Tool> offered(const schema::ChatRequest& request) {
  if (!offers_tools(request)) return {};
  std::vector<schema::Tool> tools = request.tools;
  if (request.tool_choice.kind == schema::ToolChoice::Kind::Named) {
    std::erase_if(tools, [&](const auto& t) { return t.name != request.tool_choice.name; });
  }
  return tools;
}

bool must_call(const schema::ChatRequest& request) {
  return offers_tools(request) && request.tool_choice.kind != schema::ToolChoice::Kind::Auto;
}

void set_tools(common_chat_templates_inputs& inputs, const schema::ChatRequest& request) {
  using Kind = schema::ToolChoice::Kind;
  for (const schema::Tool& tool : offered(request)) {
    inputs.tools.push_back({tool.name, tool.description, tool.parameters_json});
  }
  inputs.parallel_tool_calls = request.parallel_tool_calls;
  switch (request.tool_choice.kind) {
    case Kind::Auto:
      inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_AUTO;
      break;
    case Kind::None:
      inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_NONE;
      break;
    case Kind::Required:
    case Kind::Named:
      inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_REQUIRED;
      break;
  }
}

std::string schema_of(const schema::ResponseFormat& format) {
  using Kind = schema::ResponseFormat::Kind;
  if (format.kind == Kind::JsonObject) return R"({"type":"object"})";
  return format.kind == Kind::JsonSchema ? format.schema_json : std::string();
}

bool is_empty_turn(const schema::Message& message) {
  return message.reasoning.empty() && message.tool_calls.empty() &&
         std::all_of(message.parts.begin(), message.parts.end(),
                     [](const auto& part) { return part.text.empty() && !part.image; });
}

const schema::Message* begun_turn(const std::vector<schema::Message>& messages) {
  if (messages.empty() || messages.back().role != schema::Role::Assistant) return nullptr;
  const schema::Message& last = messages.back();
  return last.tool_calls.empty() && !is_empty_turn(last) ? &last : nullptr;
}

common_chat_templates_inputs inputs_of(const schema::ChatRequest& request,
                                       const std::vector<schema::Message>& messages,
                                       std::vector<const schema::Image*>& images) {
  common_chat_templates_inputs inputs;
  inputs.use_jinja = true;
  for (const schema::Message& m : messages) {
    if (&m == &messages.back() && m.role == schema::Role::Assistant && is_empty_turn(m)) continue;
    inputs.messages.push_back(message_of(m, images));
  }
  inputs.reasoning_format = COMMON_REASONING_FORMAT_AUTO;
  inputs.chat_template_kwargs = request.template_kwargs;
  if (request.thinking) inputs.enable_thinking = *request.thinking;
  if (request.thinking_budget) {
    if (*request.thinking_budget == 0) inputs.enable_thinking = false;
    // Some templates say it to the model (Seed-OSS).
    inputs.chat_template_kwargs.emplace("thinking_budget",
                                        std::to_string(*request.thinking_budget));
  }
  if (request.reasoning_effort == "none") {
    inputs.enable_thinking = false;
  } else if (!request.reasoning_effort.empty()) {
    inputs.chat_template_kwargs["reasoning_effort"] = "\"" + request.reasoning_effort + "\"";
  }
  return inputs;
}

}  // namespace xc::engine::llama

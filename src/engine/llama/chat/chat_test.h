// What the tests of prompts and readers share: turns, the prompt of a request, the answer as read.
#pragma once

#include <string>

#include "engine/llama/chat/chat_format.h"
#include "engine/llama/chat/chat_reader.h"

namespace xc::engine::llama {

inline schema::Message turn(schema::Role role, const std::string& text) {
  schema::Message message;
  message.role = role;
  if (!text.empty()) message.parts.push_back({text, {}});
  return message;
}
inline schema::ChatRequest asks(const std::string& text) {
  schema::ChatRequest request;
  request.messages = {turn(schema::Role::User, text)};
  return request;
}
inline const schema::Tool kWeather{
    "get_weather", "天气", R"({"type":"object","properties":{"city":{"type":"string"}}})", false};

inline std::string prompt(const std::string& source, const schema::ChatRequest& request) {
  const auto format = ChatFormat::of_template(source);
  if (format == nullptr) return "no template";
  const auto rendered = format->render(request);
  return rendered ? rendered->prompt : "refused: " + rendered.error().args.at(0);
}

struct Heard {
  std::string content, reasoning, calls;
  bool unread = false;
};
// The answer through the reader of this template, three bytes at a time.
inline Heard hear(const std::string& source, const schema::ChatRequest& request,
                  const std::string& text) {
  const auto format = ChatFormat::of_template(source);
  const auto rendered = format->render(request);
  ChatReader reader(rendered->parser, rendered->form, [] { return std::string("id"); });
  Heard heard;
  for (std::size_t i = 0; i <= text.size(); i += 3) {
    schema::Delta delta;
    reader.read(std::string_view(text).substr(i, 3), i + 3 > text.size(), delta);
    heard.content += delta.content;
    heard.reasoning += delta.reasoning;
    heard.unread = heard.unread || delta.unread_call;
    for (const auto& call : delta.tool_calls) heard.calls += call.name + call.arguments + ";";
  }
  return heard;
}

}  // namespace xc::engine::llama

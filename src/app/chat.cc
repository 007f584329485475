#include "app/chat.h"

#include <fmt/format.h>

#include <cstdio>

#include "app/terminal.h"
#include "app/text.h"

namespace xc::app {
namespace {

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

schema::Message message_of(schema::Role role, const std::string& text) {
  schema::Message message;
  message.role = role;
  message.parts.push_back(schema::ContentPart{text, std::nullopt});
  return message;
}

std::string text_of_message(const schema::Message& message) {
  std::string text;
  for (const schema::ContentPart& part : message.parts) text += part.text;
  return text;
}

void put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace

Chat::Chat(const ApiClient& api, ChatView view, Language language)
    : api_(api), view_(view), language_(language) {
  request_.stream = true;
  request_.include_usage = true;
}

void Chat::set_system(const std::string& text) {
  auto& messages = request_.messages;
  if (!messages.empty() && messages.front().role == schema::Role::System) {
    messages.erase(messages.begin());
  }
  if (!text.empty()) messages.insert(messages.begin(), message_of(schema::Role::System, text));
}

void Chat::clear() {
  std::erase_if(request_.messages, [](const schema::Message& message) {
    return message.role != schema::Role::System;
  });
}

void Chat::show(const schema::Delta& delta) {
  if (!view_.print) return;
  const auto safe = [this](const std::string& text) { return view_.safe ? printable(text) : text; };
  if (view_.thoughts && !delta.reasoning.empty()) {
    if (part_ != Part::Thought) put(kDim);
    part_ = Part::Thought;
    put(safe(delta.reasoning));
  }
  if (!delta.content.empty()) {
    if (part_ == Part::Thought) {
      put(kPlain);
      put("\n\n");
    }
    part_ = Part::Content;
    put(safe(delta.content));
  }
  std::fflush(stdout);
}

void Chat::end_answer(const Answer& answer) {
  if (!view_.print) return;
  if (part_ == Part::Thought) put(kPlain);
  put("\n");
  if (answer.stopped) {
    fmt::print(stderr, "{}\n", texts::ChatStopped.in(language_));
  } else if (answer.choice.finish == schema::Finish::Length) {
    fmt::print(stderr, "{}\n", texts::ChatCut.in(language_));
  }
  std::fflush(stdout);
}

Result<Chat::Answer> Chat::say(const std::string& text) {
  request_.messages.push_back(message_of(schema::Role::User, text));
  part_ = Part::None;
  schema::Collector collector;
  Status parsed;
  const OnEvent on_event = [&](std::string_view data) {
    const Result<std::vector<schema::Delta>> deltas = schema::parse_chat_chunk(data);
    if (!deltas) {
      parsed = std::unexpected(deltas.error());
      return false;
    }
    for (const schema::Delta& delta : *deltas) {
      collector.add(delta);
      show(delta);
    }
    return true;
  };
  Status streamed = api_.stream("/v1/chat/completions", schema::render(request_), on_event);
  if (streamed && !parsed) streamed = parsed;
  const bool stopped = !streamed && streamed.error().code == Code::Cancelled;
  Answer answer;
  if (!collector.choices().empty()) answer.choice = collector.choices().front();
  answer.usage = collector.usage();
  answer.stopped = stopped;
  if (!streamed && !stopped) {
    if (view_.print && part_ != Part::None) end_answer(answer);
    request_.messages.pop_back();
    return std::unexpected(std::move(streamed.error()));
  }
  end_answer(answer);
  request_.messages.push_back(message_of(schema::Role::Assistant, answer.choice.content));
  return answer;
}

std::string Chat::markdown() const {
  std::string out = fmt::format("# {}\n", request_.model);
  for (const schema::Message& message : request_.messages) {
    const Bilingual& who = message.role == schema::Role::System ? texts::SaveSystem
                           : message.role == schema::Role::User ? texts::SaveUser
                                                                : texts::SaveAssistant;
    out += fmt::format("\n## {}\n\n{}\n", who.in(language_), text_of_message(message));
  }
  return out;
}

}  // namespace xc::app

#include "engine/llama/chat/chat_reader.h"

#include <optional>
#include <utility>

#include "chat.h"

namespace xc::engine::llama {

struct ChatReader::Parts {
  std::shared_ptr<const common_chat_parser_params> parser;
  std::optional<OutputReader> reader;
  std::function<std::string()> make_id;
  std::string text;
  common_chat_msg message;
  std::vector<std::string> ids;
  int calls = 0;
  bool reasoning = false;

  void parse(bool partial, schema::Delta& delta);
  void parse_safely(std::string_view more, bool final, schema::Delta& delta);
};

ChatReader::ChatReader(std::shared_ptr<const common_chat_parser_params> parser, OutputForm form,
                       std::function<std::string()> make_id)
    : parts_(std::make_unique<Parts>()) {
  parts_->parser = std::move(parser);
  if (form.thinks || !form.tools.empty()) parts_->reader.emplace(std::move(form));
  parts_->make_id = std::move(make_id);
}
ChatReader::~ChatReader() = default;
ChatReader::ChatReader(ChatReader&&) noexcept = default;

bool ChatReader::has_tool_calls() const { return parts_->calls > 0; }
bool ChatReader::in_reasoning() const { return parts_->reasoning; }

namespace {

void append_diff(const common_chat_msg_diff& diff, schema::Delta& delta) {
  delta.content += diff.content_delta;
  delta.reasoning += diff.reasoning_content_delta;
  if (diff.tool_call_index == std::string::npos) return;
  delta.tool_calls.push_back({static_cast<int>(diff.tool_call_index), diff.tool_call_delta.id,
                              diff.tool_call_delta.name, diff.tool_call_delta.arguments});
}

}  // namespace

// The whole text so far is parsed again and compared with what was said: the library's parsers
// are not incremental.
void ChatReader::Parts::parse(bool partial, schema::Delta& delta) {
  common_chat_msg next = common_chat_parse(text, partial, *parser);
  if (next.empty()) return;
  next.set_tool_call_ids(ids, make_id);
  for (const auto& diff : common_chat_msg_diff::compute_diffs(message, next)) {
    append_diff(diff, delta);
  }
  calls = static_cast<int>(next.tool_calls.size());
  reasoning = !next.reasoning_content.empty() && next.content.empty() && calls == 0;
  message = std::move(next);
}

void ChatReader::Parts::parse_safely(std::string_view more, bool final, schema::Delta& delta) {
  text += more;
  try {
    parse(!final, delta);
  } catch (const std::exception&) {  // an unfinished construct; at the end: what is readable
    try {
      if (final) parse(true, delta);
    } catch (const std::exception&) {
    }
    if (!final) return;
    if (message.empty()) delta.content += text;
    delta.unread_call = calls == 0 && reader.has_value();
  }
}

void ChatReader::read(std::string_view text, bool final, schema::Delta& delta) {
  Parts& p = *parts_;
  if (p.parser == nullptr) {
    delta.content += text;
  } else {
    p.parse_safely(text, final, delta);
  }
  if (!p.reader || (p.parser != nullptr && p.calls > 0)) return;
  OutputParts parts;
  p.reader->add(delta.content, parts);
  if (final) p.reader->finish(parts);
  delta.content = std::move(parts.content);
  delta.reasoning += parts.reasoning;
  delta.unread_call = delta.unread_call || parts.unread_call;
  if (p.parser == nullptr) p.reasoning = p.reader->in_reasoning();
  for (schema::ToolCall& call : parts.calls) {
    delta.tool_calls.push_back(
        {p.calls++, p.make_id(), std::move(call.name), std::move(call.arguments)});
  }
}

}  // namespace xc::engine::llama

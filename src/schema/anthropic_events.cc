#include <boost/json/stream_parser.hpp>
#include <utility>

#include "schema/anthropic.h"
#include "schema/anthropic_parts.h"
#include "schema/json_text.h"

namespace xc::schema::anthropic {

MessageEvents::MessageEvents(ReplyHead head, std::vector<std::string> stop_sequences)
    : head_(std::move(head)), stop_sequences_(std::move(stop_sequences)) {}
MessageEvents::MessageEvents(MessageEvents&&) noexcept = default;
MessageEvents::~MessageEvents() = default;

Event MessageEvents::ping() { return {"ping", R"({"type":"ping"})"}; }

Event MessageEvents::fail(const Error& error, Language language) {
  return {"error", render_error(error, language)};
}

std::vector<Event> MessageEvents::start(const Usage& usage) {
  usage_ = usage;
  usage_.completion_tokens = 0;
  Event event{"message_start", {}};
  JsonWriter outer(event.data);
  outer.text("type", "message_start");
  JsonWriter message(outer.key("message"));
  message.text("id", head_.id);
  message.text("type", "message");
  message.text("role", "assistant");
  message.text("model", head_.model);
  message.raw("content", "[]");
  message.raw("stop_reason", "null");
  message.raw("stop_sequence", "null");
  message.raw("stop_details", "null");
  append_usage(message.key("usage"), usage_);
  message.end();
  outer.end();
  std::vector<Event> out;
  out.push_back(std::move(event));
  out.push_back(ping());
  return out;
}

void MessageEvents::open(Block kind, std::string_view block_json, std::vector<Event>& out) {
  close(out);
  block_ = kind;
  ++index_;
  Event event{"content_block_start", {}};
  JsonWriter object(event.data);
  object.text("type", "content_block_start");
  object.integer("index", index_);
  object.raw("content_block", block_json);
  object.end();
  out.push_back(std::move(event));
}

void MessageEvents::append(std::string_view delta_type, std::string_view field,
                           std::string_view text, std::vector<Event>& out) {
  Event event{"content_block_delta", {}};
  JsonWriter object(event.data);
  object.text("type", "content_block_delta");
  object.integer("index", index_);
  JsonWriter delta(object.key("delta"));
  delta.text("type", delta_type);
  delta.text(field, text);
  delta.end();
  object.end();
  out.push_back(std::move(event));
}

void MessageEvents::close(std::vector<Event>& out) {
  if (block_ == Block::None) return;
  if (block_ == Block::Thinking) {
    // Thoughts are not signed here, but clients wait for this event before they keep the block.
    append("signature_delta", "signature", "", out);
  }
  if (block_ == Block::Tool) {
    const std::string rest = arguments_->rest();
    if (!rest.empty()) append("input_json_delta", "partial_json", rest, out);
    arguments_.reset();
  }
  block_ = Block::None;
  Event event{"content_block_stop", {}};
  JsonWriter object(event.data);
  object.text("type", "content_block_stop");
  object.integer("index", index_);
  object.end();
  out.push_back(std::move(event));
}

void MessageEvents::add_call(const ToolCallDelta& call, std::vector<Event>& out) {
  if (call.index > tool_index_) {
    tool_index_ = call.index;
    std::string block;
    JsonWriter object(block);
    object.text("type", "tool_use");
    object.text("id", call_id_of(head_, call.id, call.index));
    object.text("name", call.name);
    object.raw("input", "{}");
    object.end();
    open(Block::Tool, block, out);
    arguments_ = std::make_unique<ArgumentStream>();
  }
  if (block_ != Block::Tool || call.index != tool_index_) return;
  const std::string_view text = arguments_->admit(call.arguments);
  if (!text.empty()) append("input_json_delta", "partial_json", text, out);
}

std::vector<Event> MessageEvents::add(const Delta& delta) {
  std::vector<Event> out;
  if (delta.usage) usage_ = *delta.usage;
  if (delta.choice != 0) return out;
  unread_call_ = unread_call_ || delta.unread_call;
  if (!delta.reasoning.empty()) {
    if (block_ != Block::Thinking) {
      open(Block::Thinking, R"({"type":"thinking","thinking":"","signature":""})", out);
    }
    append("thinking_delta", "thinking", delta.reasoning, out);
  }
  if (!delta.content.empty()) {
    if (block_ != Block::Text) {
      open(Block::Text, R"({"type":"text","text":"","citations":null})", out);
    }
    append("text_delta", "text", delta.content, out);
  }
  for (const ToolCallDelta& call : delta.tool_calls) add_call(call, out);
  if (delta.finish) {
    finish_ = *delta.finish;
    stop_match_ = delta.stop_match;
  }
  return out;
}

std::vector<Event> MessageEvents::finish() {
  std::vector<Event> out;
  close(out);
  Event event{"message_delta", {}};
  JsonWriter object(event.data);
  object.text("type", "message_delta");
  JsonWriter delta(object.key("delta"));
  append_stop(delta, stop_of(finish_, stop_match_, stop_sequences_, tool_index_ >= 0));
  delta.end();
  append_usage(object.key("usage"), usage_);
  if (unread_call_) object.text("warning", kUnreadCall);
  object.end();
  out.push_back(std::move(event));
  out.push_back({"message_stop", R"({"type":"message_stop"})"});
  return out;
}

}  // namespace xc::schema::anthropic

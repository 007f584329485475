// Anthropic's Messages API onto ChatRequest and back. Pure; one MessageEvents per answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"
#include "schema/openai.h"

namespace xc::schema::anthropic {

// system (string or blocks), messages with text, image, document (text), search_result, tool_use,
// tool_result, thinking blocks, tools, tool_choice (auto, any, tool, none,
// disable_parallel_tool_use), stop_sequences, temperature, top_p, top_k, thinking {type},
// output_config {effort, format}, max_tokens (required), stream. Turns need not alternate.
// Errors as in openai.h, with Anthropic's field names in `param`.
Result<ChatRequest> parse_messages(std::string_view json);
// The same body for /v1/messages/count_tokens, where max_tokens may be absent.
Result<ChatRequest> parse_count_tokens(std::string_view json);

// Choice 0 of the answer. head.id is msg_…; stop_reason is "stop_sequence" when the choice's
// stop_match is one of `stop_sequences`. A call's arguments that are no JSON object (cut by
// max_tokens, or a weak model) become {"_raw": the text}.
std::string render_reply(const ReplyHead& head, const Collector& answer,
                         const std::vector<std::string>& stop_sequences);
std::string render_token_count(std::int64_t input_tokens);
// {"type":"error","error":{"type","message"},"request_id"}; the id is null when empty.
std::string render_error(const Error& error, Language language, std::string_view request_id = {});

class ArgumentStream;  // anthropic_parts.h

struct Event {
  std::string name;  // message_start, content_block_delta …
  std::string data;
};
// Turns deltas of choice 0 into the event stream: message_start, content_block_start/delta/stop
// (thinking, text, tool_use with input_json_delta), message_delta, message_stop, ping.
// Calls: start, add…, then finish or fail. Tool calls come one after another: a fragment of a call
// whose block is closed is dropped.
class MessageEvents {
 public:
  explicit MessageEvents(ReplyHead head, std::vector<std::string> stop_sequences = {});
  MessageEvents(MessageEvents&&) noexcept;
  ~MessageEvents();
  // prompt_tokens is known only at the end from a remote endpoint; then message_start says 0.
  std::vector<Event> start(const Usage& usage);
  std::vector<Event> add(const Delta& delta);
  std::vector<Event> finish();  // after the last delta
  // Instead of finish: the event "error", after which the stream ends.
  static Event fail(const Error& error, Language language);
  static Event ping();  // at any time after start, to keep a quiet connection open

 private:
  enum class Block { None, Thinking, Text, Tool };
  void open(Block kind, std::string_view block_json, std::vector<Event>& out);
  void close(std::vector<Event>& out);
  void append(std::string_view delta_type, std::string_view field, std::string_view text,
              std::vector<Event>& out);
  void add_call(const ToolCallDelta& call, std::vector<Event>& out);

  ReplyHead head_;
  std::vector<std::string> stop_sequences_;
  Block block_ = Block::None;
  int index_ = -1;                             // of the open or last content block
  int tool_index_ = -1;                        // the highest call seen
  std::unique_ptr<ArgumentStream> arguments_;  // of the open tool_use block
  Finish finish_ = Finish::Stop;
  std::string stop_match_;
  bool unread_call_ = false;
  Usage usage_;
};

}  // namespace xc::schema::anthropic

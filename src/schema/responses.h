// OpenAI's Responses API (stored=false) onto ChatRequest and back. Pure; one ResponseEvents an
// answer. Choice 0 is the answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"
#include "schema/openai.h"

namespace xc::schema::responses {

struct ResponsesRequest {
  ChatRequest chat;          // instructions are its first message
  std::string instructions;  // empty: none
  std::string echo_json;     // a JSON object: the request's own fields that the reply repeats
};
// input: string or items (message, function_call, function_call_output, reasoning), instructions,
// tools (function), tool_choice, text.format, reasoning.effort, max_output_tokens, temperature,
// top_p, top_logprobs, parallel_tool_calls, stream, metadata. Output items that follow each other
// (reasoning, message, calls) become one assistant turn. store=true is taken as false and said so
// in the reply; previous_response_id, conversation and item_reference are refused
// (Message::NoResponse, 404), background and stored prompts too (Message::Unsupported).
Result<ResponsesRequest> parse(std::string_view json);

// head.id is resp_…; the items' ids are made of it.
std::string render_reply(const ReplyHead& head, const ResponsesRequest& request,
                         const Collector& answer);

enum class ItemKind : std::uint8_t;  // responses_parts.h
struct Item;

struct Event {
  std::string name;  // response.created, response.output_text.delta …
  std::string data;
};
// Calls: start, add…, then finish or fail. Tool calls come one after another: a fragment of a call
// whose item is done is dropped. Keeps no reference to the request.
class ResponseEvents {
 public:
  ResponseEvents(ReplyHead head, const ResponsesRequest& request);
  ResponseEvents(ResponseEvents&&) noexcept;
  ~ResponseEvents();
  std::vector<Event> start();  // response.created, response.in_progress
  std::vector<Event> add(const Delta& delta);
  std::vector<Event> finish();  // the open item's done events; response.completed or .incomplete
  std::vector<Event> fail(const Error& error, Language language);  // response.failed

 private:
  void emit(std::vector<Event>& out, std::string_view name, std::string_view members);
  void emit_response(std::vector<Event>& out, std::string_view name, std::string response);
  void open(ItemKind kind, const ToolCallDelta* call, std::vector<Event>& out);
  void close(std::string_view status, std::vector<Event>& out);
  void append(std::string_view text, const Delta& delta, std::vector<Event>& out);
  void add_call(const ToolCallDelta& call, const Delta& delta, std::vector<Event>& out);

  ReplyHead head_;
  std::string echo_json_;
  std::unique_ptr<Item> item_;  // the item that grows; null between items
  std::string output_json_;     // items that are done, with commas between
  int sequence_ = 0;
  int output_index_ = -1;  // of the open or last item
  int tool_index_ = -1;    // the highest call seen
  Finish finish_ = Finish::Stop;
  bool unread_call_ = false;
  Usage usage_;
};

}  // namespace xc::schema::responses

#include <string>
#include <utility>

#include "schema/json_text.h"
#include "schema/render_parts.h"
#include "schema/responses.h"
#include "schema/responses_parts.h"

namespace xc::schema::responses {
namespace {

std::string_view suffix_of(std::string_view id) {
  const auto cut = id.find('_');
  return cut == std::string_view::npos ? id : id.substr(cut + 1);
}

void append_reply_usage(std::string& out, const Usage& usage) {
  JsonWriter object(out);
  object.integer("input_tokens", usage.prompt_tokens);
  JsonWriter input(object.key("input_tokens_details"));
  input.integer("cached_tokens", usage.cached_tokens);
  input.integer("cache_write_tokens", 0);
  input.end();
  object.integer("output_tokens", usage.completion_tokens);
  JsonWriter output(object.key("output_tokens_details"));
  output.integer("reasoning_tokens", usage.reasoning_tokens);
  output.end();
  object.integer("total_tokens", usage.prompt_tokens + usage.completion_tokens);
  object.end();
}

std::vector<Item> items_of(const ReplyHead& head, const Choice& choice) {
  std::vector<Item> items;
  auto add = [&](ItemKind kind, std::string_view text) -> Item& {
    items.push_back(item_of(head, kind, static_cast<int>(items.size())));
    items.back().text = text;
    return items.back();
  };
  if (!choice.reasoning.empty()) add(ItemKind::Reasoning, choice.reasoning);
  if (!choice.content.empty()) {
    add(ItemKind::Message, choice.content).logprobs = choice.logprobs;
  }
  int index = 0;
  for (const ToolCall& call : choice.tool_calls) {
    name_call(add(ItemKind::Call, call.arguments), head, call.id, call.name, index++);
  }
  return items;
}

}  // namespace

Item item_of(const ReplyHead& head, ItemKind kind, int output_index) {
  Item item;
  item.kind = kind;
  item.id = kind == ItemKind::Reasoning ? "rs_" : kind == ItemKind::Message ? "msg_" : "fc_";
  item.id += suffix_of(head.id);
  item.id += '_';
  item.id += std::to_string(output_index);
  return item;
}

void name_call(Item& item, const ReplyHead& head, std::string_view id, std::string_view name,
               int call_index) {
  item.name = name;
  item.call_id = id;
  if (!id.empty()) return;
  ((item.call_id = "call_") += suffix_of(head.id)) += '_';
  item.call_id += std::to_string(call_index);
}

void append_part(std::string& out, const Item& item) {
  JsonWriter part(out);
  if (item.kind == ItemKind::Reasoning) {
    part.text("type", "reasoning_text");
    part.text("text", item.text);
  } else {
    part.text("type", "output_text");
    part.text("text", item.text);
    part.raw("annotations", "[]");
    append_logprob_entries(part.key("logprobs"), item.logprobs);
  }
  part.end();
}

void append_item(std::string& out, const Item& item, std::string_view status) {
  JsonWriter object(out);
  object.text("id", item.id);
  if (item.kind == ItemKind::Call) {
    object.text("type", "function_call");
    object.text("call_id", item.call_id);
    object.text("name", item.name);
    object.text("arguments", item.text);
  } else {
    const bool message = item.kind == ItemKind::Message;
    object.text("type", message ? "message" : "reasoning");
    if (message) object.text("role", "assistant");
    if (!message) object.raw("summary", "[]");
    object.key("content") += '[';
    // An item that was just added has no part yet: it comes with content_part.added.
    if (!item.text.empty()) append_part(out, item);
    out += ']';
  }
  object.text("status", status);
  object.end();
}

Standing standing_of(Finish finish, const Usage& usage) {
  Standing standing;
  standing.usage = &usage;
  standing.status = "incomplete";
  if (finish == Finish::Length) {
    standing.incomplete_reason = "max_output_tokens";
  } else if (finish == Finish::ContentFilter) {
    standing.incomplete_reason = "content_filter";
  } else {
    standing.status = "completed";
  }
  return standing;
}

std::string response_json(const ReplyHead& head, std::string_view echo_json,
                          const Standing& standing, std::string_view output_json) {
  std::string out;
  JsonWriter object(out);
  object.text("id", head.id);
  object.text("object", "response");
  object.integer("created_at", head.created);
  object.text("status", standing.status);
  object.raw("error", standing.error_json);
  if (standing.incomplete_reason.empty()) {
    object.raw("incomplete_details", "null");
  } else {
    JsonWriter details(object.key("incomplete_details"));
    details.text("reason", standing.incomplete_reason);
    details.end();
  }
  object.text("model", head.model);
  ((object.key("output") += '[') += output_json) += ']';
  if (standing.usage == nullptr) {
    object.raw("usage", "null");
  } else {
    append_reply_usage(object.key("usage"), *standing.usage);
  }
  if (standing.unread_call) object.text("warning", kUnreadCall);
  object.flag("store", false);
  object.flag("background", false);
  object.raw("previous_response_id", "null");
  if (echo_json.size() > 2) (out += ',') += echo_json.substr(1, echo_json.size() - 2);
  object.end();
  return out;
}

std::string render_reply(const ReplyHead& head, const ResponsesRequest& request,
                         const Collector& answer) {
  static const Choice kNone;
  const Choice& choice = answer.choices().empty() ? kNone : answer.choices().front();
  const Standing standing = standing_of(choice.finish, answer.usage());
  const std::vector<Item> items = items_of(head, choice);
  std::string output;
  for (const Item& item : items) {
    if (!output.empty()) output += ',';
    append_item(output, item, &item == &items.back() ? standing.status : "completed");
  }
  return response_json(head, request.echo_json, standing, output);
}

}  // namespace xc::schema::responses

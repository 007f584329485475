#include <string>
#include <utility>

#include "schema/json_text.h"
#include "schema/render_parts.h"
#include "schema/responses.h"
#include "schema/responses_parts.h"

namespace xc::schema::responses {
namespace {

// Members that say where an event belongs, without braces. Text and thoughts stand in part 0.
std::string place_of(const Item& item, int output_index) {
  std::string out = R"("item_id":)";
  append_string(out, item.id);
  (out += R"(,"output_index":)") += std::to_string(output_index);
  if (item.kind != ItemKind::Call) out += R"(,"content_index":0)";
  return out;
}

std::string item_members(const Item& item, int output_index, std::string_view status) {
  std::string out = R"("output_index":)" + std::to_string(output_index) + R"(,"item":)";
  append_item(out, item, status);
  return out;
}

std::string part_members(const Item& item, int output_index) {
  std::string out = place_of(item, output_index) + R"(,"part":)";
  append_part(out, item);
  return out;
}

// OpenAI's list of codes is closed; these three are of it.
std::string_view failure_code_of(Code code) {
  switch (code) {
    case Code::RateLimited:
      return "rate_limit_exceeded";
    case Code::InvalidRequest:
    case Code::ContextExceeded:
      return "invalid_prompt";
    default:
      return "server_error";
  }
}

}  // namespace

ResponseEvents::ResponseEvents(ReplyHead head, const ResponsesRequest& request)
    : head_(std::move(head)), echo_json_(request.echo_json) {}
ResponseEvents::ResponseEvents(ResponseEvents&&) noexcept = default;
ResponseEvents::~ResponseEvents() = default;

void ResponseEvents::emit(std::vector<Event>& out, std::string_view name,
                          std::string_view members) {
  Event event{std::string(name), {}};
  JsonWriter object(event.data);
  object.text("type", name);
  object.integer("sequence_number", sequence_++);
  (event.data += ',') += members;
  object.end();
  out.push_back(std::move(event));
}

void ResponseEvents::emit_response(std::vector<Event>& out, std::string_view name,
                                   std::string response) {
  emit(out, name, R"("response":)" + std::move(response));
}

std::vector<Event> ResponseEvents::start() {
  Standing standing;
  standing.status = "in_progress";
  const std::string response = response_json(head_, echo_json_, standing, {});
  std::vector<Event> out;
  emit_response(out, "response.created", response);
  emit_response(out, "response.in_progress", response);
  return out;
}

void ResponseEvents::open(ItemKind kind, const ToolCallDelta* call, std::vector<Event>& out) {
  close("completed", out);
  item_ = std::make_unique<Item>(item_of(head_, kind, ++output_index_));
  if (call != nullptr) name_call(*item_, head_, call->id, call->name, call->index);
  emit(out, "response.output_item.added", item_members(*item_, output_index_, "in_progress"));
  if (kind == ItemKind::Call) return;
  emit(out, "response.content_part.added", part_members(*item_, output_index_));
}

void ResponseEvents::append(std::string_view text, const Delta& delta, std::vector<Event>& out) {
  item_->text += text;
  std::string members = place_of(*item_, output_index_) + R"(,"delta":)";
  append_string(members, text);
  switch (item_->kind) {
    case ItemKind::Reasoning:
      return emit(out, "response.reasoning_text.delta", members);
    case ItemKind::Call:
      return emit(out, "response.function_call_arguments.delta", members);
    case ItemKind::Message:
      break;
  }
  item_->logprobs.insert(item_->logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
  append_logprob_entries(members += R"(,"logprobs":)", delta.logprobs);
  emit(out, "response.output_text.delta", members);
}

void ResponseEvents::close(std::string_view status, std::vector<Event>& out) {
  if (!item_) return;
  std::string members = place_of(*item_, output_index_);
  if (item_->kind == ItemKind::Call) {
    append_string(members += R"(,"name":)", item_->name);
    append_string(members += R"(,"arguments":)", item_->text);
    emit(out, "response.function_call_arguments.done", members);
  } else {
    append_string(members += R"(,"text":)", item_->text);
    const bool message = item_->kind == ItemKind::Message;
    if (message) append_logprob_entries(members += R"(,"logprobs":)", item_->logprobs);
    emit(out, message ? "response.output_text.done" : "response.reasoning_text.done", members);
    emit(out, "response.content_part.done", part_members(*item_, output_index_));
  }
  emit(out, "response.output_item.done", item_members(*item_, output_index_, status));
  if (!output_json_.empty()) output_json_ += ',';
  append_item(output_json_, *item_, status);
  item_.reset();
}

void ResponseEvents::add_call(const ToolCallDelta& call, const Delta& delta,
                              std::vector<Event>& out) {
  if (call.index > tool_index_) {
    tool_index_ = call.index;
    open(ItemKind::Call, &call, out);
  }
  if (!item_ || item_->kind != ItemKind::Call || call.index != tool_index_) return;
  if (!call.arguments.empty()) append(call.arguments, delta, out);
}

std::vector<Event> ResponseEvents::add(const Delta& delta) {
  std::vector<Event> out;
  if (delta.usage) usage_ = *delta.usage;
  if (delta.choice != 0) return out;
  auto add_text = [&](ItemKind kind, const std::string& text) {
    if (text.empty()) return;
    if (!item_ || item_->kind != kind) open(kind, nullptr, out);
    append(text, delta, out);
  };
  add_text(ItemKind::Reasoning, delta.reasoning);
  add_text(ItemKind::Message, delta.content);
  for (const ToolCallDelta& call : delta.tool_calls) add_call(call, delta, out);
  unread_call_ = unread_call_ || delta.unread_call;
  if (delta.finish) finish_ = *delta.finish;
  return out;
}

std::vector<Event> ResponseEvents::finish() {
  Standing standing = standing_of(finish_, usage_);
  standing.unread_call = unread_call_;
  std::vector<Event> out;
  close(standing.status, out);
  emit_response(out, standing.status == "completed" ? "response.completed" : "response.incomplete",
                response_json(head_, echo_json_, standing, output_json_));
  return out;
}

std::vector<Event> ResponseEvents::fail(const Error& error, Language language) {
  Standing standing;
  standing.status = "failed";
  standing.error_json.clear();
  JsonWriter object(standing.error_json);
  object.text("code", failure_code_of(error.code));
  object.text("message", text_of(error, language));
  object.end();
  std::vector<Event> out;
  emit_response(out, "response.failed", response_json(head_, echo_json_, standing, output_json_));
  return out;
}

}  // namespace xc::schema::responses

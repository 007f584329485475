#include "schema/responses_input.h"

#include <string>
#include <utility>

#include "base/limits.h"
#include "schema/data_url.h"

namespace xc::schema::responses {
namespace {

Message turn_of(Role role) {
  Message message;
  message.role = role;
  return message;
}

void add_text(std::vector<ContentPart>& parts, std::string_view text) {
  parts.push_back(ContentPart{std::string(text), std::nullopt});
}

class InputReader {
 public:
  explicit InputReader(std::vector<Message>& messages) : messages_(messages) {}

  Status read(const JsonField& input);

 private:
  Status read_item(const JsonField& field);
  Status read_message(const JsonObject& item);
  Status read_call(const JsonObject& item);
  Status read_call_output(const JsonObject& item);
  Status read_reasoning(const JsonObject& item);
  Status read_parts(const JsonField& content, std::vector<ContentPart>& parts);
  Status read_part(const JsonObject& part, std::vector<ContentPart>& parts);
  Status read_image(const JsonObject& part, std::vector<ContentPart>& parts);

  Message& assistant_turn();  // the turn that output items are gathered into
  void end_assistant_turn();
  bool answered() const;  // that turn has text or calls already

  std::vector<Message>& messages_;
  bool in_assistant_turn_ = false;  // the last message takes more output items
  std::size_t images_ = 0;
};

Status InputReader::read(const JsonField& input) {
  if (input.value().is_string()) {
    XC_TRY(const std::string_view text, input.as_text());
    add_text(messages_.emplace_back(turn_of(Role::User)).parts, text);
    return {};
  }
  if (!input.value().is_array()) return input.wrong_type("string or array");
  XC_TRY(const JsonArray items, input.as_array(limits::kMessagesMax));
  for (std::size_t i = 0; i < items.size(); ++i) XC_CHECK(read_item(items.at(i)));
  end_assistant_turn();
  return {};
}

Status InputReader::read_item(const JsonField& field) {
  XC_TRY(const JsonObject item, field.as_object());
  const auto type = item.find("type");
  if (!type) return read_message(item);  // {"role","content"} alone is a message
  XC_TRY(const std::size_t kind,
         type->as_one_of(
             {"message", "function_call", "function_call_output", "reasoning", "item_reference"}));
  switch (kind) {
    case 0:
      return read_message(item);
    case 1:
      return read_call(item);
    case 2:
      return read_call_output(item);
    case 3:
      return read_reasoning(item);
    default:
      XC_TRY(const std::string id, item.need_text("id"));
      return not_stored(item.path_of("id"), id);
  }
}

Message& InputReader::assistant_turn() {
  if (!in_assistant_turn_) messages_.push_back(turn_of(Role::Assistant));
  in_assistant_turn_ = true;
  return messages_.back();
}

void InputReader::end_assistant_turn() {
  if (!in_assistant_turn_) return;
  in_assistant_turn_ = false;
  // Thoughts without an answer or a call are no turn.
  const Message& last = messages_.back();
  if (last.parts.empty() && last.tool_calls.empty()) messages_.pop_back();
}

bool InputReader::answered() const {
  if (!in_assistant_turn_) return false;
  const Message& last = messages_.back();
  return !last.parts.empty() || !last.tool_calls.empty();
}

Status InputReader::read_message(const JsonObject& item) {
  XC_TRY(const JsonField role_field, item.need("role"));
  XC_TRY(const std::size_t role,
         role_field.as_one_of({"user", "assistant", "system", "developer"}));
  XC_TRY(const JsonField content, item.need("content"));
  if (role == 1) {
    if (answered()) end_assistant_turn();
    return read_parts(content, assistant_turn().parts);
  }
  end_assistant_turn();
  return read_parts(content,
                    messages_.emplace_back(turn_of(role == 0 ? Role::User : Role::System)).parts);
}

Status InputReader::read_call(const JsonObject& item) {
  ToolCall call;
  XC_TRY(call.id, item.need_text("call_id"));
  XC_TRY(call.name, item.need_text("name"));
  XC_TRY(call.arguments, item.need_text("arguments"));
  assistant_turn().tool_calls.push_back(std::move(call));
  return {};
}

Status InputReader::read_call_output(const JsonObject& item) {
  end_assistant_turn();
  Message message = turn_of(Role::Tool);
  XC_TRY(message.tool_call_id, item.need_text("call_id"));
  XC_TRY(const JsonField output, item.need("output"));
  XC_CHECK(read_parts(output, message.parts));
  messages_.push_back(std::move(message));
  return {};
}

// The thoughts themselves where the item has them, else their summary.
Status InputReader::read_reasoning(const JsonObject& item) {
  std::string text;
  for (const std::string_view key : {"content", "summary"}) {
    XC_TRY(const auto parts, item.array(key, limits::kMessagesMax));
    for (std::size_t i = 0; parts && i < parts->size(); ++i) {
      XC_TRY(const JsonObject part, parts->at(i).as_object());
      XC_TRY(const std::string piece, part.need_text("text"));
      text += piece;
    }
    if (!text.empty()) break;
  }
  if (answered()) end_assistant_turn();
  assistant_turn().reasoning += text;
  return {};
}

Status InputReader::read_parts(const JsonField& content, std::vector<ContentPart>& parts) {
  if (content.value().is_string()) {
    XC_TRY(const std::string_view text, content.as_text());
    add_text(parts, text);
    return {};
  }
  if (!content.value().is_array()) return content.wrong_type("string or array");
  XC_TRY(const JsonArray array, content.as_array(limits::kMessagesMax));
  for (std::size_t i = 0; i < array.size(); ++i) {
    XC_TRY(const JsonObject part, array.at(i).as_object());
    XC_CHECK(read_part(part, parts));
  }
  return {};
}

Status InputReader::read_part(const JsonObject& part, std::vector<ContentPart>& parts) {
  XC_TRY(const JsonField type, part.need("type"));
  XC_TRY(const std::size_t kind,
         type.as_one_of({"input_text", "output_text", "text", "refusal", "input_image"}));
  if (kind == 4) return read_image(part, parts);
  XC_TRY(const std::string text, part.need_text(kind == 3 ? "refusal" : "text"));
  add_text(parts, text);
  return {};
}

Status InputReader::read_image(const JsonObject& part, std::vector<ContentPart>& parts) {
  XC_TRY(const JsonField url, part.need("image_url"));
  XC_TRY(const std::string_view text, url.as_text());
  if (++images_ > limits::kImagesMax) {
    return fail_field(url.path(), xc::Message::TooMany,
                      {"input", std::to_string(images_), std::to_string(limits::kImagesMax)});
  }
  ContentPart out;
  XC_TRY(out.image, read_data_url(text, images_, url.path()));
  parts.push_back(std::move(out));
  return {};
}

}  // namespace

std::unexpected<Error> not_stored(std::string param, std::string_view id) {
  Error error{Code::NotFound, xc::Message::NoResponse, {std::string(id)}, {}, {}, 0};
  error.param = std::move(param);
  return fail(std::move(error));
}

Status read_input(const JsonField& input, std::vector<Message>& messages) {
  return InputReader(messages).read(input);
}

}  // namespace xc::schema::responses

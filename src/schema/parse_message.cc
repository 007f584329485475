// Messages of a chat request: roles, content parts, images, tool calls of earlier turns.
#include <algorithm>

#include "base/limits.h"
#include "schema/chat_parts.h"
#include "schema/data_url.h"
#include "schema/file_part.h"
#include "schema/grounding.h"

namespace xc::schema {
namespace {

// Images are counted over the whole request: their number is in the errors and is bounded.
class MessageReader {
 public:
  Result<Message> read(const JsonField& field);

 private:
  Status read_content(const JsonObject& in, Message& out);
  Result<ContentPart> read_part(const JsonField& field);
  Status read_file(const JsonObject& part, std::string& files);
  Result<ContentPart> read_image(const JsonObject& part);

  std::size_t images_ = 0;
  std::size_t files_ = 0;
};

// "image_url": {"url": "data:…"}, or the URL itself as the Responses API has it.
Result<JsonField> url_of(const JsonObject& part) {
  XC_TRY(JsonField field, part.need("image_url"));
  if (field.value().is_string()) return field;
  if (!field.value().is_object()) return field.wrong_type("object or string");
  XC_TRY(const JsonObject object, field.as_object());
  return object.need("url");
}

bool is_file(const JsonField& part) {
  const auto* object = part.value().if_object();
  const auto* type = object == nullptr ? nullptr : object->if_contains("type");
  return type != nullptr && type->is_string() && type->get_string() == "file";
}

Result<ContentPart> MessageReader::read_image(const JsonObject& part) {
  XC_TRY(const JsonField field, url_of(part));
  XC_TRY(const std::string_view url, field.as_text());
  if (++images_ > limits::kImagesMax) {
    return fail_field(field.path(), xc::Message::TooMany,
                      {"image_url", std::to_string(images_), std::to_string(limits::kImagesMax)});
  }
  ContentPart out;
  XC_TRY(out.image, read_data_url(url, images_, field.path()));
  return out;
}

Result<ContentPart> MessageReader::read_part(const JsonField& field) {
  XC_TRY(const JsonObject part, field.as_object());
  XC_TRY(const JsonField type, part.need("type"));
  XC_TRY(const std::string_view kind, type.as_text());
  ContentPart out;
  if (kind == "text" || kind == "input_text" || kind == "output_text") {
    XC_TRY(out.text, part.need_text("text"));
    return out;
  }
  if (kind == "image_url" || kind == "input_image") return read_image(part);
  if (kind == "refusal") {  // of an earlier answer of another model
    XC_TRY(out.text, part.need_text("refusal"));
    return out;
  }
  if (kind == "input_audio" || kind == "input_file" || kind == "video_url") {
    return fail_field(type.path(), xc::Message::Unsupported, {std::string(kind)});
  }
  return type.bad_value(kind, "text, image_url, file");
}

Status MessageReader::read_file(const JsonObject& part, std::string& files) {
  if (++files_ > limits::kFilesMax) {
    return fail_field(part.path_of("file"), xc::Message::TooMany,
                      {"file", std::to_string(files_), std::to_string(limits::kFilesMax)});
  }
  XC_TRY(const File file, read_file_part(part));
  files += file_form(file);
  return {};
}

Status MessageReader::read_content(const JsonObject& in, Message& out) {
  const auto field = in.find("content");
  if (!field) {
    // An assistant's turn may hold nothing but tool calls; the others must say something.
    if (out.role == Role::Assistant) return {};
    const std::string path = in.path_of("content");
    return fail_field(path, xc::Message::MissingField, {path});
  }
  if (field->value().is_string()) {
    ContentPart part;
    XC_TRY(part.text, field->as_text());
    out.parts.push_back(std::move(part));
    return {};
  }
  if (!field->value().is_array()) return field->wrong_type("string or array");
  XC_TRY(const JsonArray parts, field->as_array(limits::kMessagesMax));
  std::string files;  // stand in front of what is asked about them, wherever the caller put them
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (is_file(parts.at(i))) {
      XC_TRY(const JsonObject part, parts.at(i).as_object());
      XC_CHECK(read_file(part, files));
      continue;
    }
    XC_TRY(ContentPart part, read_part(parts.at(i)));
    out.parts.push_back(std::move(part));
  }
  if (!files.empty()) put_in_front(out, std::move(files));
  return {};
}

// {"name","arguments"}: arguments are JSON text; some clients send the object itself.
Status read_function(const JsonObject& function, ToolCall& out) {
  XC_TRY(out.name, function.need_text("name"));
  XC_TRY(const JsonField arguments, function.need("arguments"));
  if (arguments.value().is_object()) {
    out.arguments = json_of(arguments.value());
    return {};
  }
  XC_TRY(out.arguments, arguments.as_text());
  return {};
}

Status read_calls(const JsonObject& in, Message& out) {
  XC_TRY(const auto calls, in.array("tool_calls", limits::kToolsMax));
  for (std::size_t i = 0; calls && i < calls->size(); ++i) {
    XC_TRY(const JsonObject item, calls->at(i).as_object());
    ToolCall call;
    XC_TRY(call.id, item.need_text("id"));
    if (const auto type = item.find("type")) XC_CHECK(type->as_one_of({"function"}));
    XC_TRY(const JsonObject function, item.need_object("function"));
    XC_CHECK(read_function(function, call));
    out.tool_calls.push_back(std::move(call));
  }
  XC_TRY(const auto legacy, in.object("function_call"));
  if (!legacy || !out.tool_calls.empty()) return {};
  ToolCall call;
  XC_CHECK(read_function(*legacy, call));
  call.id = "call_" + call.name;
  out.tool_calls.push_back(std::move(call));
  return {};
}

// Other servers call it `reasoning`; there it may also be an object, which is not text to replay.
Status read_reasoning(const JsonObject& in, Message& out) {
  XC_CHECK(in.text("reasoning_content", out.reasoning));
  const auto other = in.find("reasoning");
  if (out.reasoning.empty() && other && other->value().is_string()) {
    XC_TRY(out.reasoning, other->as_text());
  }
  return {};
}

Result<Message> MessageReader::read(const JsonField& field) {
  XC_TRY(const JsonObject in, field.as_object());
  XC_TRY(const JsonField role, in.need("role"));
  XC_TRY(const std::size_t kind,
         role.as_one_of({"system", "developer", "user", "assistant", "tool", "function"}));
  constexpr Role kRoles[] = {Role::System,    Role::System, Role::User,
                             Role::Assistant, Role::Tool,   Role::Tool};
  const bool legacy = kind == 5;
  Message out;
  out.role = kRoles[kind];
  XC_CHECK(in.text("name", out.name));
  XC_CHECK(read_content(in, out));
  if (out.role == Role::Assistant) {
    XC_CHECK(read_reasoning(in, out));
    XC_CHECK(read_calls(in, out));
  }
  if (legacy) {
    XC_TRY(out.name, in.need_text("name"));
    out.tool_call_id = "call_" + out.name;
  } else if (out.role == Role::Tool) {
    XC_TRY(out.tool_call_id, in.need_text("tool_call_id"));
  }
  return out;
}

}  // namespace

Status check_sizes(const ChatRequest& request, const std::string& field) {
  const auto too_many = [&](std::size_t count, std::size_t most) {
    return fail_field(field, xc::Message::TooMany,
                      {field, std::to_string(count), std::to_string(most)});
  };
  if (request.messages.size() > limits::kMessagesMax) {
    return too_many(request.messages.size(), limits::kMessagesMax);
  }
  for (const Message& message : request.messages) {
    if (message.parts.size() > limits::kMessagesMax) {
      return too_many(message.parts.size(), limits::kMessagesMax);
    }
    if (message.tool_calls.size() > limits::kToolsMax) {
      return too_many(message.tool_calls.size(), limits::kToolsMax);
    }
  }
  return {};
}

Result<std::vector<Message>> read_messages(const JsonArray& array) {
  if (array.size() == 0) return fail_field(array.path(), xc::Message::PromptEmpty, {});
  std::vector<Message> out;
  out.reserve(array.size());
  MessageReader reader;
  for (std::size_t i = 0; i < array.size(); ++i) {
    XC_TRY(Message message, reader.read(array.at(i)));
    out.push_back(std::move(message));
  }
  return out;
}

}  // namespace xc::schema

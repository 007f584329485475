#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <string>
#include <utility>

#include "base/limits.h"
#include "schema/chat_parts.h"
#include "schema/data_url.h"
#include "schema/json_reader.h"
#include "schema/ollama.h"
#include "schema/request_fields.h"

namespace xc::schema::ollama {
namespace {

std::unexpected<Error> unsupported(std::string field, std::string what) {
  return fail_field(std::move(field), xc::Message::Unsupported, {std::move(what)});
}

// Clients that list models show "name:latest"; here a tag is part of a name, and nobody has that.
Result<std::string> read_tagged_model(const JsonObject& body) {
  constexpr std::string_view kTag = ":latest";
  XC_TRY(std::string model, read_model(body));
  if (model.size() > kTag.size() && model.ends_with(kTag)) model.resize(model.size() - kTag.size());
  return model;
}

// Reads one body into one Request.
class Reader {
 public:
  explicit Reader(Request& request) : request_(request), chat_(request.chat) {}

  Status read_chat(const JsonObject& body);
  Status read_generate(const JsonObject& body);

 private:
  Status read_common(const JsonObject& body);
  Status read_keep_alive(const JsonObject& body);
  Status read_format(const JsonObject& body);
  Status read_think(const JsonObject& body);
  Status read_options(const JsonObject& body);
  Status read_message(const JsonField& field);
  Status read_images(const JsonObject& in, Message& out);
  Status read_calls(const JsonObject& in, Message& out);
  Status name_the_call(const JsonObject& in, Message& out);
  Status make_raw(std::string prompt, std::string suffix);

  Request& request_;
  ChatRequest& chat_;
  std::size_t images_ = 0;
  std::size_t calls_ = 0;
  std::vector<ToolCall> open_;  // calls of the last assistant's turn without a result
};

Status Reader::read_common(const JsonObject& body) {
  XC_TRY(chat_.model, read_tagged_model(body));
  chat_.stream = true;
  XC_CHECK(body.flag("stream", chat_.stream));
  chat_.include_usage = chat_.stream;
  XC_CHECK(read_keep_alive(body));
  XC_CHECK(read_format(body));
  XC_CHECK(read_think(body));
  XC_CHECK(read_options(body));
  XC_CHECK(body.flag("logprobs", chat_.logprobs));
  XC_CHECK(body.integer("top_logprobs", chat_.top_logprobs, 0,
                        static_cast<int>(limits::kTopLogprobsMax)));
  if (chat_.top_logprobs > 0) chat_.logprobs = true;
  return {};
}

Status Reader::read_keep_alive(const JsonObject& body) {
  const auto field = body.find("keep_alive");
  if (!field) return {};
  if (field->value().is_string()) {
    XC_TRY(const std::string_view text, field->as_text());
    request_.keep_alive_ms = duration_ms_of(text);
    if (!request_.keep_alive_ms) return field->bad_value(text, "300, \"5m\", \"1h30m\", -1");
    return {};
  }
  constexpr double kMost = 1e12;
  XC_TRY(const double seconds, field->as_number(-kMost, kMost));
  request_.keep_alive_ms = static_cast<std::int64_t>(seconds * 1000);
  return {};
}

Status Reader::read_format(const JsonObject& body) {
  using Kind = ResponseFormat::Kind;
  const auto field = body.find("format");
  if (!field) return {};
  if (field->value().is_object()) {
    chat_.format = {Kind::JsonSchema, json_of(field->value())};
    return {};
  }
  if (!field->value().is_string()) return field->wrong_type("\"json\" or a JSON schema");
  XC_TRY(const std::size_t which, field->as_one_of({"", "json"}));
  if (which == 1) chat_.format.kind = Kind::JsonObject;
  return {};
}

// true, false, or how much.
Status Reader::read_think(const JsonObject& body) {
  const auto field = body.find("think");
  if (!field) return {};
  if (!field->value().is_string()) {
    XC_TRY(chat_.thinking, field->as_flag());
    return {};
  }
  XC_TRY(const std::size_t level, field->as_one_of({"low", "medium", "high", "max"}));
  constexpr std::array kLevels{"low", "medium", "high", "high"};
  chat_.thinking = true;
  chat_.reasoning_effort = kLevels.at(level);
  return {};
}

Status Reader::read_options(const JsonObject& body) {
  XC_TRY(const auto options, body.object("options"));
  if (!options) return {};
  XC_CHECK(read_sampling(*options, chat_.sampling));
  XC_CHECK(options->number("repeat_penalty", chat_.sampling.repetition_penalty, 0.01, 10));
  if (chat_.sampling.seed && *chat_.sampling.seed < 0) chat_.sampling.seed.reset();  // any
  std::optional<int> predict;
  XC_CHECK(options->integer("num_predict", predict, -2, limits::kMaxTokensMax));
  if (predict && *predict > 0) chat_.max_tokens = predict;  // else as long as there is room
  return read_stops(*options, "stop", chat_.stop);
}

Status Reader::read_images(const JsonObject& in, Message& out) {
  XC_TRY(const auto images, in.array("images", limits::kImagesMax));
  for (std::size_t i = 0; images && i < images->size(); ++i) {
    const JsonField field = images->at(i);
    XC_TRY(const std::string_view text, field.as_text());
    if (++images_ > limits::kImagesMax) {
      return fail_field(field.path(), xc::Message::TooMany,
                        {"images", std::to_string(images_), std::to_string(limits::kImagesMax)});
    }
    ContentPart part;
    // Addresses are not fetched: read_data_url refuses them by name.
    if (text.find(':') != std::string_view::npos) {
      XC_TRY(part.image, read_data_url(text, images_, field.path()));
    } else {
      const std::string_view type = picture_type_of(text);
      if (type.empty()) {
        return fail_field(field.path(), xc::Message::BadImage,
                          {std::to_string(images_), "no png, jpeg, webp, gif or bmp in base64"});
      }
      XC_TRY(part.image, read_base64_image(type, text, images_, field.path()));
    }
    out.parts.push_back(std::move(part));
  }
  return {};
}

Status Reader::read_calls(const JsonObject& in, Message& out) {
  XC_TRY(const auto calls, in.array("tool_calls", limits::kToolsMax));
  for (std::size_t i = 0; calls && i < calls->size(); ++i) {
    XC_TRY(const JsonObject item, calls->at(i).as_object());
    XC_TRY(const JsonObject function, item.need_object("function"));
    ToolCall call;
    XC_CHECK(item.text("id", call.id));
    if (call.id.empty()) call.id = "call_" + std::to_string(calls_);
    ++calls_;
    XC_TRY(call.name, function.need_text("name"));
    XC_TRY(const auto arguments, function.object("arguments"));
    call.arguments = arguments ? json_of(arguments->object()) : "{}";
    out.tool_calls.push_back(std::move(call));
  }
  return {};
}

// Which call a result answers: by its id, else the first open one of that tool, else the first.
Status Reader::name_the_call(const JsonObject& in, Message& out) {
  XC_CHECK(in.text("tool_name", out.name));
  XC_CHECK(in.text("tool_call_id", out.tool_call_id));
  auto answered = open_.end();
  if (!out.tool_call_id.empty()) {
    answered = std::ranges::find(open_, out.tool_call_id, &ToolCall::id);
  } else if (!out.name.empty()) {
    answered = std::ranges::find(open_, out.name, &ToolCall::name);
  } else if (!open_.empty()) {
    answered = open_.begin();
  }
  if (answered == open_.end()) {
    if (out.tool_call_id.empty()) out.tool_call_id = "call_" + out.name;
    return {};
  }
  out.tool_call_id = answered->id;
  open_.erase(answered);
  return {};
}

Status Reader::read_message(const JsonField& field) {
  XC_TRY(const JsonObject in, field.as_object());
  XC_TRY(const JsonField role_field, in.need("role"));
  XC_TRY(const std::size_t role, role_field.as_one_of({"system", "user", "assistant", "tool"}));
  constexpr std::array kRoles{Role::System, Role::User, Role::Assistant, Role::Tool};
  Message message;
  message.role = kRoles.at(role);
  XC_CHECK(read_images(in, message));
  std::string content;
  XC_CHECK(in.text("content", content));
  const bool says = !content.empty() || (message.role != Role::Assistant && message.parts.empty());
  if (says) message.parts.push_back(ContentPart{std::move(content), std::nullopt});
  if (message.role == Role::Assistant) {
    XC_CHECK(in.text("thinking", message.reasoning));
    XC_CHECK(read_calls(in, message));
    open_ = message.tool_calls;
  }
  if (message.role == Role::Tool) XC_CHECK(name_the_call(in, message));
  chat_.messages.push_back(std::move(message));
  return {};
}

Status Reader::read_chat(const JsonObject& body) {
  XC_CHECK(read_common(body));
  XC_CHECK(read_tools(body, chat_));
  XC_TRY(const auto messages, body.array("messages", limits::kMessagesMax));
  request_.empty = !messages || messages->size() == 0;
  for (std::size_t i = 0; messages && i < messages->size(); ++i) {
    XC_CHECK(read_message(messages->at(i)));
  }
  return {};
}

Status Reader::make_raw(std::string prompt, std::string suffix) {
  if (images_ > 0) return unsupported("images", "images with raw or suffix");
  if (chat_.format.kind != ResponseFormat::Kind::Text) {
    return unsupported("format", "format with raw or suffix");
  }
  CompletionRequest raw;
  raw.model = chat_.model;
  raw.prompts.push_back(Prompt{std::move(prompt), {}});
  raw.has_suffix = !suffix.empty();
  raw.suffix = std::move(suffix);
  raw.sampling = chat_.sampling;
  raw.max_tokens = chat_.max_tokens.value_or(limits::kMaxTokensMax);  // OpenAI's default is 16
  raw.stop = chat_.stop;
  raw.stream = chat_.stream;
  raw.include_usage = chat_.include_usage;
  if (chat_.logprobs) raw.logprobs = chat_.top_logprobs;
  request_.raw = std::move(raw);
  return {};
}

Status Reader::read_generate(const JsonObject& body) {
  XC_CHECK(read_common(body));
  // Both would have to be obeyed or refused: an answer without them is another one.
  XC_TRY(const auto context, body.array("context", limits::kBodyBytesMax));
  if (context && context->size() > 0) return unsupported("context", "context");
  std::string template_text, system, prompt, suffix;
  XC_CHECK(body.text("template", template_text));
  if (!template_text.empty()) return unsupported("template", "template");
  XC_CHECK(body.text("system", system));
  XC_CHECK(body.text("prompt", prompt));
  XC_CHECK(body.text("suffix", suffix));
  bool raw = false;
  XC_CHECK(body.flag("raw", raw));
  Message message;
  XC_CHECK(read_images(body, message));
  request_.empty = prompt.empty() && suffix.empty() && images_ == 0;
  if (request_.empty) return {};
  if (raw || !suffix.empty()) return make_raw(std::move(prompt), std::move(suffix));
  if (!system.empty()) {
    Message first;
    first.role = Role::System;
    first.parts.push_back(ContentPart{std::move(system), std::nullopt});
    chat_.messages.push_back(std::move(first));
  }
  message.parts.push_back(ContentPart{std::move(prompt), std::nullopt});
  chat_.messages.push_back(std::move(message));
  return {};
}

Result<Request> parse_body(std::string_view json, Kind kind) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  Request request;
  request.kind = kind;
  Reader reader(request);
  XC_CHECK(kind == Kind::Chat ? reader.read_chat(body) : reader.read_generate(body));
  return request;
}

Result<EmbeddingRequest> parse_vectors(std::string_view json, std::string_view field) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  EmbeddingRequest request;
  XC_TRY(request.model, read_tagged_model(body));
  XC_TRY(const JsonField input, body.need(field));
  XC_TRY(request.inputs, read_prompts(input, limits::kEmbeddingInputsMax));
  XC_CHECK(body.integer("dimensions", request.dimensions, 1, limits::kMaxTokensMax));
  return request;
}

}  // namespace

Result<Request> parse_chat(std::string_view json) { return parse_body(json, Kind::Chat); }
Result<Request> parse_generate(std::string_view json) { return parse_body(json, Kind::Generate); }
Result<EmbeddingRequest> parse_embed(std::string_view json) { return parse_vectors(json, "input"); }
Result<EmbeddingRequest> parse_embeddings(std::string_view json) {
  return parse_vectors(json, "prompt");
}

Result<std::string> parse_show(std::string_view json) {
  boost::json::value document;
  XC_TRY(const JsonObject body, read_body(json, document));
  if (body.find("model") || !body.find("name")) return read_tagged_model(body);
  XC_TRY(std::string name, body.need_text("name"));
  return name;
}

}  // namespace xc::schema::ollama

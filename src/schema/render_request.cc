// Requests as JSON for an endpoint. Only fields that are set are written, so that an endpoint that
// does not know one of ours never sees it without need.
#include "schema/data_url.h"
#include "schema/openai.h"
#include "schema/render_parts.h"

namespace xc::schema {
namespace {

std::size_t text_bytes(const ChatRequest& request) {
  std::size_t bytes = 0;
  for (const Message& message : request.messages) {
    bytes += 64;  // what stands around it
    for (const ContentPart& part : message.parts) bytes += part.text.size();
  }
  return bytes + bytes / 16;
}

std::string_view role_name(Role role) {
  switch (role) {
    case Role::System:
      return "system";
    case Role::User:
      return "user";
    case Role::Assistant:
      return "assistant";
    case Role::Tool:
      return "tool";
  }
  return "user";
}

// Writes items between brackets, with commas: append(out, item) for each.
template <typename Items, typename Append>
void append_array(std::string& out, const Items& items, Append append) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    append(out, item);
  }
  out += ']';
}

void append_token_ids(std::string& out, const std::vector<std::int32_t>& tokens) {
  append_array(out, tokens,
               [](std::string& to, std::int32_t token) { append_number(to, std::int64_t{token}); });
}

void append_part(std::string& out, const ContentPart& part) {
  JsonWriter w(out);
  if (part.image) {
    w.text("type", "image_url");
    JsonWriter url(w.key("image_url"));
    url.text("url", data_url_of(*part.image));
    url.end();
  } else {
    w.text("type", "text");
    w.text("text", part.text);
  }
  w.end();
}

void append_content(std::string& out, const Message& message) {
  if (message.parts.empty() && message.role == Role::Assistant) {
    out += "null";
  } else if (message.parts.size() == 1 && !message.parts[0].image) {
    append_string(out, message.parts[0].text);
  } else {
    append_array(out, message.parts, append_part);
  }
}

void append_message(std::string& out, const Message& message) {
  JsonWriter w(out);
  w.text("role", role_name(message.role));
  append_content(w.key("content"), message);
  if (!message.name.empty()) w.text("name", message.name);
  if (!message.reasoning.empty()) w.text("reasoning_content", message.reasoning);
  if (!message.tool_calls.empty())
    append_array(w.key("tool_calls"), message.tool_calls, append_tool_call);
  if (message.role == Role::Tool) w.text("tool_call_id", message.tool_call_id);
  w.end();
}

void append_tool(std::string& out, const Tool& tool) {
  JsonWriter w(out);
  w.text("type", "function");
  JsonWriter function(w.key("function"));
  function.text("name", tool.name);
  if (!tool.description.empty()) function.text("description", tool.description);
  function.raw("parameters", tool.parameters_json.empty() ? "{}" : tool.parameters_json);
  if (tool.strict) function.flag("strict", true);
  function.end();
  w.end();
}

void append_tools(JsonWriter& w, const ChatRequest& request) {
  using Kind = ToolChoice::Kind;
  if (request.tools.empty()) return;
  append_array(w.key("tools"), request.tools, append_tool);
  if (!request.parallel_tool_calls) w.flag("parallel_tool_calls", false);
  if (request.tool_choice.kind == Kind::None) w.text("tool_choice", "none");
  if (request.tool_choice.kind == Kind::Required) w.text("tool_choice", "required");
  if (request.tool_choice.kind != Kind::Named) return;
  JsonWriter choice(w.key("tool_choice"));
  choice.text("type", "function");
  JsonWriter function(choice.key("function"));
  function.text("name", request.tool_choice.name);
  function.end();
  choice.end();
}

void append_format(JsonWriter& w, const ResponseFormat& format) {
  if (format.kind == ResponseFormat::Kind::Text) return;
  JsonWriter object(w.key("response_format"));
  if (format.kind == ResponseFormat::Kind::JsonObject) {
    object.text("type", "json_object");
  } else {
    object.text("type", "json_schema");
    JsonWriter named(object.key("json_schema"));
    named.text("name", "schema");
    named.raw("schema", format.schema_json);
    named.flag("strict", true);
    named.end();
  }
  object.end();
}

void append_sampling(JsonWriter& w, const Sampling& s) {
  if (s.temperature) w.number("temperature", *s.temperature);
  if (s.top_p) w.number("top_p", *s.top_p);
  if (s.top_k) w.integer("top_k", *s.top_k);
  if (s.min_p) w.number("min_p", *s.min_p);
  if (s.presence_penalty) w.number("presence_penalty", *s.presence_penalty);
  if (s.frequency_penalty) w.number("frequency_penalty", *s.frequency_penalty);
  if (s.repetition_penalty) w.number("repetition_penalty", *s.repetition_penalty);
  if (s.seed) w.integer("seed", *s.seed);
  if (s.logit_bias.empty()) return;
  JsonWriter bias(w.key("logit_bias"));
  for (const auto& [token, value] : s.logit_bias) bias.number(std::to_string(token), value);
  bias.end();
}

void append_strings(std::string& out, const std::vector<std::string>& items) {
  append_array(out, items,
               [](std::string& to, const std::string& item) { append_string(to, item); });
}

void append_stream(JsonWriter& w, bool stream, bool include_usage) {
  if (!stream) return;
  w.flag("stream", true);
  if (include_usage) w.raw("stream_options", R"({"include_usage":true})");
}

// The struct's word on thinking stands in the template's arguments, where endpoints look for it.
void append_thinking(JsonWriter& w, const ChatRequest& request) {
  if (!request.reasoning_effort.empty()) w.text("reasoning_effort", request.reasoning_effort);
  if (request.thinking_budget) w.integer("thinking_budget", *request.thinking_budget);
  if (!request.thinking && request.template_kwargs.empty()) return;
  std::string& out = w.key("chat_template_kwargs");
  out += '{';
  bool first = true;
  for (const auto& [name, json] : request.template_kwargs) {
    if (name == "enable_thinking" && request.thinking) continue;
    if (!first) out += ',';
    first = false;
    append_string(out, name);
    out += ':';
    out += json;
  }
  if (request.thinking) {
    if (!first) out += ',';
    out += *request.thinking ? R"("enable_thinking":true)" : R"("enable_thinking":false)";
  }
  out += '}';
}

void append_prompt(std::string& out, const Prompt& prompt) {
  if (prompt.tokens.empty()) {
    append_string(out, prompt.text);
  } else {
    append_token_ids(out, prompt.tokens);
  }
}

void append_prompts(std::string& out, const std::vector<Prompt>& prompts) {
  if (prompts.size() == 1) {
    append_prompt(out, prompts[0]);
  } else {
    append_array(out, prompts, append_prompt);
  }
}

}  // namespace

std::string render(const ChatRequest& request) {
  std::string out;
  out.reserve(256 + text_bytes(request));
  JsonWriter w(out);
  w.text("model", request.model);
  append_array(w.key("messages"), request.messages, append_message);
  append_tools(w, request);
  append_format(w, request.format);
  append_sampling(w, request.sampling);
  // The older name: every endpoint knows it.
  if (request.max_tokens) w.integer("max_tokens", *request.max_tokens);
  if (request.n != 1) w.integer("n", request.n);
  if (!request.stop.empty()) append_strings(w.key("stop"), request.stop);
  append_stream(w, request.stream, request.include_usage);
  if (request.logprobs) w.flag("logprobs", true);
  if (request.top_logprobs > 0) w.integer("top_logprobs", request.top_logprobs);
  if (request.ignore_eos) w.flag("ignore_eos", true);
  if (request.speculation == Speculation::Off) w.text("speculation", "off");
  append_thinking(w, request);
  w.end();
  return out;
}

std::string render(const CompletionRequest& request) {
  std::string out;
  JsonWriter w(out);
  w.text("model", request.model);
  append_prompts(w.key("prompt"), request.prompts);
  if (request.has_suffix) w.text("suffix", request.suffix);
  if (request.echo) w.flag("echo", true);
  append_sampling(w, request.sampling);
  if (request.max_tokens) w.integer("max_tokens", *request.max_tokens);
  if (request.n != 1) w.integer("n", request.n);
  if (!request.stop.empty()) append_strings(w.key("stop"), request.stop);
  append_stream(w, request.stream, request.include_usage);
  if (request.logprobs) w.integer("logprobs", *request.logprobs);
  if (request.ignore_eos) w.flag("ignore_eos", true);
  if (request.speculation == Speculation::Off) w.text("speculation", "off");
  w.end();
  return out;
}

std::string render(const EmbeddingRequest& request) {
  std::string out;
  JsonWriter w(out);
  w.text("model", request.model);
  append_prompts(w.key("input"), request.inputs);
  w.text("encoding_format", request.base64 ? "base64" : "float");
  if (request.dimensions) w.integer("dimensions", *request.dimensions);
  w.end();
  return out;
}

std::string render(const RerankRequest& request) {
  std::string out;
  JsonWriter w(out);
  w.text("model", request.model);
  w.text("query", request.query);
  append_strings(w.key("documents"), request.documents);
  if (request.top_n) w.integer("top_n", *request.top_n);
  if (request.return_documents) w.flag("return_documents", true);
  w.end();
  return out;
}

std::string render(const TokenizeRequest& request) {
  std::string out;
  JsonWriter w(out);
  w.text("model", request.model);
  w.text("content", request.text);
  w.flag("add_special", request.add_special);
  w.flag("parse_special", request.parse_special);
  w.end();
  return out;
}

std::string render(const DetokenizeRequest& request) {
  std::string out;
  JsonWriter w(out);
  w.text("model", request.model);
  append_token_ids(w.key("tokens"), request.tokens);
  w.end();
  return out;
}

}  // namespace xc::schema

#include "engine/llama/chat_format.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/id.h"
#include "chat.h"
#include "common.h"
#include "engine/core/tool_text.h"
#include "json-schema-to-grammar.h"

namespace xc::engine::llama {
namespace {

std::string_view role_name(schema::Role role) {
  switch (role) {
    case schema::Role::System:
      return "system";
    case schema::Role::User:
      return "user";
    case schema::Role::Assistant:
      return "assistant";
    case schema::Role::Tool:
      return "tool";
  }
  return "user";
}

common_chat_msg message_of(const schema::Message& message,
                           std::vector<const schema::Image*>& images) {
  common_chat_msg out;
  out.role = role_name(message.role);
  out.reasoning_content = message.reasoning;
  out.tool_call_id = message.tool_call_id;
  out.tool_name = message.name;
  for (const schema::ToolCall& call : message.tool_calls) {
    out.tool_calls.push_back({call.name, call.arguments, call.id});
  }
  for (const schema::ContentPart& part : message.parts) {
    if (part.image) {
      images.push_back(&*part.image);
      out.content += media_marker();
    } else {
      out.content += part.text;
    }
  }
  return out;
}

bool speaks_of_tools(const schema::ChatRequest& request) {
  return !request.tools.empty() ||
         std::any_of(request.messages.begin(), request.messages.end(), [](const auto& m) {
           return m.role == schema::Role::Tool || !m.tool_calls.empty();
         });
}

// For templates that know no tools: calls and their results become words.
std::vector<schema::Message> in_words(const schema::ChatRequest& request,
                                      const std::vector<schema::Tool>& tools) {
  std::vector<schema::Message> messages = request.messages;
  for (schema::Message& m : messages) {
    for (const schema::ToolCall& call : m.tool_calls) {
      m.parts.push_back(
          {fmt::format("{{\"name\": \"{}\", \"arguments\": {}}}", call.name, call.arguments), {}});
    }
    m.tool_calls.clear();
    if (m.role == schema::Role::Tool) {
      m.role = schema::Role::User;
      m.parts.insert(m.parts.begin(), {"Result of the tool: ", {}});
    }
  }
  if (tools.empty()) return messages;
  const bool has_system = !messages.empty() && messages.front().role == schema::Role::System;
  if (!has_system) {
    messages.insert(messages.begin(), schema::Message{});
    messages.front().role = schema::Role::System;
  }
  const std::string gap = has_system ? "\n\n" : "";
  messages.front().parts.push_back({gap + tool_instructions(tools), {}});
  return messages;
}

bool offers_tools(const schema::ChatRequest& request) {
  return !request.tools.empty() && request.tool_choice.kind != schema::ToolChoice::Kind::None;
}

// The tools on offer: one when the caller named it.
std::vector<schema::Tool> offered(const schema::ChatRequest& request) {
  if (!offers_tools(request)) return {};
  std::vector<schema::Tool> tools = request.tools;
  if (request.tool_choice.kind == schema::ToolChoice::Kind::Named) {
    std::erase_if(tools, [&](const auto& t) { return t.name != request.tool_choice.name; });
  }
  return tools;
}

bool must_call(const schema::ChatRequest& request) {
  return offers_tools(request) && request.tool_choice.kind != schema::ToolChoice::Kind::Auto;
}

void set_tools(common_chat_templates_inputs& inputs, const schema::ChatRequest& request) {
  using Kind = schema::ToolChoice::Kind;
  for (const schema::Tool& tool : offered(request)) {
    inputs.tools.push_back({tool.name, tool.description, tool.parameters_json});
  }
  inputs.parallel_tool_calls = request.parallel_tool_calls;
  switch (request.tool_choice.kind) {
    case Kind::Auto:
      inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_AUTO;
      break;
    case Kind::None:
      inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_NONE;
      break;
    case Kind::Required:
    case Kind::Named:
      inputs.tool_choice = COMMON_CHAT_TOOL_CHOICE_REQUIRED;
      break;
  }
}

std::string schema_of(const schema::ResponseFormat& format) {
  using Kind = schema::ResponseFormat::Kind;
  if (format.kind == Kind::JsonObject) return R"({"type":"object"})";
  return format.kind == Kind::JsonSchema ? format.schema_json : std::string();
}

common_chat_templates_inputs inputs_of(const schema::ChatRequest& request,
                                       const std::vector<schema::Message>& messages,
                                       std::vector<const schema::Image*>& images) {
  common_chat_templates_inputs inputs;
  inputs.use_jinja = true;
  for (const schema::Message& m : messages) {
    inputs.messages.push_back(message_of(m, images));
  }
  // A last turn of the assistant is a beginning that the model continues.
  if (!messages.empty() && messages.back().role == schema::Role::Assistant &&
      messages.back().tool_calls.empty()) {
    inputs.continue_final_message = COMMON_CHAT_CONTINUATION_AUTO;
    inputs.add_generation_prompt = false;
  }
  inputs.reasoning_format = COMMON_REASONING_FORMAT_AUTO;
  inputs.chat_template_kwargs = request.template_kwargs;
  if (request.thinking) inputs.enable_thinking = *request.thinking;
  if (request.reasoning_effort == "none") {
    inputs.enable_thinking = false;
  } else if (!request.reasoning_effort.empty()) {
    inputs.chat_template_kwargs["reasoning_effort"] = "\"" + request.reasoning_effort + "\"";
  }
  return inputs;
}

Constraint constraint_of(const common_chat_params& params, bool tools) {
  Constraint c;
  c.grammar = params.grammar;
  c.tool_calls = tools;
  c.lazy = params.grammar_lazy;
  for (const common_grammar_trigger& t : params.grammar_triggers) {
    c.triggers.push_back({static_cast<int>(t.type), t.value});
  }
  c.preserved = params.preserved_tokens;
  c.generation_prompt = params.generation_prompt;
  return c;
}

}  // namespace

struct ChatFormat::Templates {
  common_chat_templates_ptr handle;
};

namespace {

bool template_knows_tools(const common_chat_templates* templates) {
  const auto caps = common_chat_templates_get_caps(templates);
  const auto tools = caps.find("supports_tools");
  const auto calls = caps.find("supports_tool_calls");
  return (tools != caps.end() && tools->second) || (calls != caps.end() && calls->second);
}

// Forms of calls that output_reader reads. Templates that share a tag but put other things into it
// stay with the library.
bool has_own_calls(const std::string& source, OutputForm& form) {
  const auto has = [&source](std::string_view text) {
    return source.find(text) != std::string::npos;
  };
  if (has("<｜tool▁call▁begin｜>")) {
    form = deepseek_form();
    return true;
  }
  form = hermes_form();
  return has("<tool_call>") && !has("<function=") && !has("<invoke") && !has("<|tool_call>");
}

}  // namespace

const std::string& media_marker() {
  static const std::string marker = [] {
    SystemRandom random;
    return "<__" + make_id(random, "media_", 24) + "__>";
  }();
  return marker;
}

ChatFormat::~ChatFormat() = default;

std::unique_ptr<ChatFormat> ChatFormat::open(const Model& model) {
  if (!model.facts().chat) return nullptr;
  std::unique_ptr<ChatFormat> format(new ChatFormat());
  format->templates_ = std::make_unique<Templates>();
  try {
    format->templates_->handle = common_chat_templates_init(model.get(), "");
  } catch (const std::exception& e) {
    fmt::print(stderr, "chat template not usable: {}\n", e.what());
    return nullptr;
  }
  return examined(std::move(format));
}

std::unique_ptr<ChatFormat> ChatFormat::of_template(const std::string& source) {
  std::unique_ptr<ChatFormat> format(new ChatFormat());
  format->templates_ = std::make_unique<Templates>();
  try {
    format->templates_->handle = common_chat_templates_init(nullptr, source);
  } catch (const std::exception&) {
    return nullptr;
  }
  return examined(std::move(format));
}

// Finds out what the template can do.
std::unique_ptr<ChatFormat> ChatFormat::examined(std::unique_ptr<ChatFormat> format) {
  const common_chat_templates* handle = format->templates_->handle.get();
  try {
    common_chat_templates_inputs probe;
    probe.use_jinja = true;
    common_chat_msg hello;
    hello.role = "user";
    hello.content = "hello";
    probe.messages.push_back(hello);
    probe.reasoning_format = COMMON_REASONING_FORMAT_AUTO;
    const common_chat_params params = common_chat_templates_apply(handle, probe);
    const std::string source =
        common_chat_templates_source(handle) + common_chat_templates_source(handle, "tool_use");
    format->knows_tools_ = template_knows_tools(handle);
    format->own_calls_ = has_own_calls(source, format->calls_);
    OutputForm& form = format->calls_;
    if (!params.thinking_start_tag.empty() && !params.thinking_end_tags.empty()) {
      form.think_open = params.thinking_start_tag;
      form.think_close = params.thinking_end_tags.front();
    }
    // Some only name the tag, to drop earlier thoughts: their models think without being told.
    form.thinks = params.supports_thinking || source.find(form.think_close) != std::string::npos;
    format->thinking_ = form.thinks;
  } catch (const std::exception& e) {
    fmt::print(stderr, "chat template not usable: {}\n", e.what());
    return nullptr;
  }
  return format;
}

// Whether output_reader reads the whole output, or what the library's parser calls content.
bool ChatFormat::reads_itself(const schema::ChatRequest& request) const {
  if (own_calls_) return true;
  const bool readable = !calls_.thinks || calls_.think_open == OutputForm().think_open;
  return readable && (!knows_tools_ || !offers_tools(request));
}

OutputForm ChatFormat::form_of(const schema::ChatRequest& request,
                               const std::string& prompt) const {
  OutputForm form = calls_;
  form.tools = offered(request);
  form.thinks = form.thinks && reads_itself(request);
  if (!form.thinks) return form;
  const std::size_t last = prompt.find_last_not_of(" \n");
  form.thinking = prompt.substr(0, last + 1).ends_with(form.think_open);
  const schema::Message* turn = request.messages.empty() ? nullptr : &request.messages.back();
  const bool goes_on = turn != nullptr && turn->role == schema::Role::Assistant &&
                       turn->parts.empty() && !turn->reasoning.empty();
  form.thinking = form.thinking || goes_on;
  return form;
}

namespace {

// Tags that are special tokens in some vocabularies, which would not be shown.
std::vector<std::string> visible_tags(const OutputForm& form) {
  std::vector<std::string> tags;
  if (form.thinks) tags = {form.think_open, form.think_close};
  if (form.tools.empty()) return tags;
  for (const CallTags& call : form.calls) {
    tags.push_back(call.open);
    tags.push_back(call.close);
  }
  tags.insert(tags.end(), form.around_calls.begin(), form.around_calls.end());
  tags.push_back("<｜tool▁sep｜>");
  return tags;
}

}  // namespace

// Without tools and thinking the output is plain content: then the template is only rendered, and
// the analysis that derives an output parser from it (milliseconds a request) is skipped.
Result<RenderedChat> ChatFormat::render(const schema::ChatRequest& request) const {
  RenderedChat rendered;
  const std::vector<schema::Tool> tools = offered(request);
  const bool plain = !thinking_ && (tools.empty() || !knows_tools_);
  const bool rewrite = !knows_tools_ && speaks_of_tools(request);
  if (rewrite) {
    rendered.kept = std::make_shared<std::vector<schema::Message>>(in_words(request, tools));
  }
  try {
    common_chat_templates_inputs inputs =
        inputs_of(request, rewrite ? *rendered.kept : request.messages, rendered.images);
    std::string schema = schema_of(request.format);
    if (!knows_tools_ && must_call(request)) schema = call_schema(tools);
    if (knows_tools_) set_tools(inputs, request);
    inputs.force_pure_content = plain;
    if (!plain) inputs.json_schema = schema;
    const common_chat_params params = common_chat_templates_apply(templates_->handle.get(), inputs);
    rendered.prompt = params.prompt;
    rendered.stops = params.additional_stops;
    if (plain) {
      if (!schema.empty()) {
        rendered.constraint.grammar = json_schema_to_grammar(common_json::parse(schema));
      }
    } else {
      rendered.constraint = constraint_of(params, !tools.empty());
    }
    rendered.form = form_of(request, rendered.prompt);
    for (const std::string& text : visible_tags(rendered.form)) {
      rendered.constraint.preserved.push_back(text);
    }
    if (!reads_itself(request)) {
      auto parser = std::make_shared<common_chat_parser_params>(params);
      parser->reasoning_format = COMMON_REASONING_FORMAT_AUTO;
      parser->parse_tool_calls = !tools.empty();
      if (!params.parser.empty()) parser->parser.load(params.parser);
      rendered.parser = std::move(parser);
    }
  } catch (const std::exception& e) {
    const bool schema_at_fault = request.format.kind != schema::ResponseFormat::Kind::Text;
    return schema_at_fault
               ? Result<RenderedChat>(fail_field("response_format", Message::BadSchema,
                                                 {"response_format", e.what()}))
               : Result<RenderedChat>(fail_field("messages", Message::BadTemplate, {e.what()}));
  }
  rendered.stops.insert(rendered.stops.end(), request.stop.begin(), request.stop.end());
  return rendered;
}

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

#include "engine/llama/chat/chat_format.h"

#include <fmt/core.h>

#include "base/id.h"
#include "base/limits.h"
#include "chat.h"
#include "common.h"
#include "engine/core/tool_text.h"
#include "engine/llama/chat/chat_inputs.h"
#include "json-schema-to-grammar.h"
#include "schema/builtin_templates.h"

namespace xc::engine::llama {
namespace {

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
  std::string builtin;
  if (llama_model_chat_template(model.get(), nullptr) == nullptr) {
    builtin = schema::builtin_template(model.facts().vocabulary, [&model](std::string_view text) {
      const auto tokens = model.tokenize(text, false, true);
      return tokens.size() == 1 && model.piece(tokens.front(), true) == text;
    });
    if (builtin.empty()) return nullptr;
  }
  std::unique_ptr<ChatFormat> format(new ChatFormat());
  format->templates_ = std::make_unique<Templates>();
  try {
    format->templates_->handle = common_chat_templates_init(model.get(), builtin);
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
    format->knows_effort_ = source.find("reasoning_effort") != std::string::npos;
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

namespace {

// Whether the output begins within thoughts.
bool ends_in_thoughts(const schema::ChatRequest& request, const std::string& prompt,
                      const std::string& open) {
  const schema::Message* begun = begun_turn(request.messages);
  if (begun != nullptr) return begun->parts.empty() && !begun->reasoning.empty();
  const std::size_t last = prompt.find_last_not_of(" \n");
  return prompt.substr(0, last + 1).ends_with(open);
}

}  // namespace

OutputForm ChatFormat::form_of(const schema::ChatRequest& request,
                               const std::string& prompt) const {
  OutputForm form = calls_;
  form.tools = offered(request);
  form.thinks = form.thinks && reads_itself(request);
  form.thinking = form.thinks && ends_in_thoughts(request, prompt, form.think_open);
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
  for (const char* inner :
       {"<｜tool▁sep｜>", "<param_key>", "</param_key>", "<param_value>", "</param_value>",
        "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"}) {
    tags.emplace_back(inner);
  }
  return tags;
}

}  // namespace

// 0: no thoughts at all; none: no limit.
std::optional<int> ChatFormat::thought_tokens(const schema::ChatRequest& request) const {
  if (request.thinking == false || request.reasoning_effort == "none") return 0;
  if (request.thinking_budget) return request.thinking_budget;
  if (knows_effort_) return std::nullopt;  // the template tells the model
  if (request.reasoning_effort == "minimal") return limits::kMinimalThoughtTokens;
  if (request.reasoning_effort == "low") return limits::kLowThoughtTokens;
  return std::nullopt;
}

ThoughtLimit ChatFormat::limit_of(const schema::ChatRequest& request,
                                  const RenderedChat& rendered) const {
  using Start = ThoughtLimit::Start;
  ThoughtLimit limit;
  limit.open = calls_.think_open;
  limit.close = calls_.think_close;
  if (!calls_.thinks) return limit;
  const schema::Message* begun = begun_turn(request.messages);
  limit.start = Start::Answer;
  if (ends_in_thoughts(request, rendered.prompt, limit.open)) {
    limit.start = Start::Thoughts;
  } else if (begun != nullptr) {
    limit.start = Start::None;
  }
  limit.tokens = thought_tokens(request);
  return limit;
}

// A template that opens thoughts whatever it is told (R1's): no thoughts means that they are closed
// at once, in the words of the model itself.
void ChatFormat::close_thoughts(RenderedChat& rendered) const {
  const std::string closing = "\n" + calls_.think_close + "\n\n";
  rendered.prompt += closing;
  rendered.constraint.generation_prompt += closing;
  rendered.form.thinking = false;
  rendered.constraint.thoughts.start = ThoughtLimit::Start::None;
  if (rendered.parser == nullptr) return;
  auto parser = std::make_shared<common_chat_parser_params>(*rendered.parser);
  parser->generation_prompt += closing;
  rendered.parser = std::move(parser);
}

// Without tools and thinking the output is plain content: then the template is only rendered, and
// the analysis that derives an output parser from it (milliseconds a request) is skipped.
void ChatFormat::render_plain(const schema::ChatRequest& request, const std::string& schema,
                              common_chat_templates_inputs& inputs, RenderedChat& rendered) const {
  // In this mode the library drops a turn that is to be continued.
  std::string beginning;
  if (begun_turn(request.messages) != nullptr) {
    beginning = inputs.messages.back().content;
    inputs.messages.pop_back();
  }
  inputs.force_pure_content = true;
  const common_chat_params params = common_chat_templates_apply(templates_->handle.get(), inputs);
  rendered.prompt = params.prompt + beginning;
  rendered.stops = params.additional_stops;
  if (schema.empty()) return;
  rendered.constraint.grammar = json_schema_to_grammar(common_json::parse(schema));
}

void ChatFormat::render_parsed(const schema::ChatRequest& request, const std::string& schema,
                               common_chat_templates_inputs& inputs, RenderedChat& rendered) const {
  if (begun_turn(request.messages) != nullptr) {
    inputs.continue_final_message = COMMON_CHAT_CONTINUATION_AUTO;
    inputs.add_generation_prompt = false;
  }
  inputs.json_schema = schema;
  const common_chat_params params = common_chat_templates_apply(templates_->handle.get(), inputs);
  const bool tools = offers_tools(request);
  rendered.prompt = params.prompt;
  rendered.stops = params.additional_stops;
  rendered.constraint = constraint_of(params, tools);
  if (reads_itself(request)) return;
  auto parser = std::make_shared<common_chat_parser_params>(params);
  parser->reasoning_format = COMMON_REASONING_FORMAT_AUTO;
  parser->parse_tool_calls = tools;
  if (!params.parser.empty()) parser->parser.load(params.parser);
  rendered.parser = std::move(parser);
}

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
    if (plain) {
      render_plain(request, schema, inputs, rendered);
    } else {
      render_parsed(request, schema, inputs, rendered);
    }
    rendered.form = form_of(request, rendered.prompt);
    for (const std::string& text : visible_tags(rendered.form)) {
      rendered.constraint.preserved.push_back(text);
    }
    rendered.constraint.hides_thoughts = rendered.parser == nullptr;
    ThoughtLimit& thoughts = rendered.constraint.thoughts = limit_of(request, rendered);
    const bool none = thoughts.start == ThoughtLimit::Start::Thoughts && thoughts.tokens == 0;
    if (none && begun_turn(request.messages) == nullptr) close_thoughts(rendered);
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

}  // namespace xc::engine::llama

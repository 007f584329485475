#include "engine/core/tool_text.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <optional>

namespace xc::engine {
namespace {

namespace json = boost::json;
using Tools = std::vector<schema::Tool>;
using Calls = std::vector<schema::ToolCall>;

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kOpen = "<tool_call>";
constexpr std::string_view kClose = "</tool_call>";
constexpr std::string_view kFence = "```";
constexpr std::string_view kDeepSeekGap = "<｜tool▁sep｜>";
constexpr std::size_t kUnsureBytesMax = 4'096;  // no call has its first key so late

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// ```json\n…\n``` → …
std::string_view without_fence(std::string_view text) {
  if (!text.starts_with(kFence)) return text;
  const std::size_t line = text.find('\n');
  const std::size_t close = text.rfind(kFence);
  if (line == std::string_view::npos || close <= line) return text;
  if (!trimmed(text.substr(close + kFence.size())).empty()) return text;
  return trimmed(text.substr(line, close - line));
}

std::optional<json::value> parsed(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) return std::nullopt;
  return value;
}

const schema::Tool* tool_named(const Tools& tools, std::string_view name) {
  const auto it = std::find_if(tools.begin(), tools.end(),
                               [name](const schema::Tool& tool) { return tool.name == name; });
  return it == tools.end() ? nullptr : &*it;
}

// The end of the string that begins at `at`, a quotation mark. `text` is valid JSON.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// The texts between the commas of an object or array, as they were written: arguments go to the
// caller in the model's own words. `text` is valid JSON.
std::vector<std::string_view> items_of(std::string_view text) {
  std::vector<std::string_view> items;
  std::size_t begin = 1;
  std::size_t i = 1;
  for (int depth = 1; depth > 0;) {
    const char c = text[i];
    if (c == '"') {
      i = string_end(text, i);
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth == 0 || (c == ',' && depth == 1)) {
      items.push_back(trimmed(text.substr(begin, i - begin)));
      begin = i + 1;
    }
    ++i;
  }
  if (items.size() == 1 && items.front().empty()) items.clear();
  return items;
}

// The value of a member as it was written; empty when there is none.
std::string_view member_of(std::string_view object, std::string_view name) {
  for (const std::string_view item : items_of(object)) {
    const std::size_t end = string_end(item, 0);
    if (item.substr(1, end - 2) != name) continue;
    return trimmed(item.substr(item.find(':', end) + 1));
  }
  return {};
}

// `text` is a valid JSON object.
std::optional<schema::ToolCall> call_of_object(std::string_view text, const Tools& tools) {
  const std::string_view inner = member_of(text, "function");
  if (inner.starts_with('{')) text = inner;
  const std::string_view name_text = member_of(text, "name");
  std::string_view arguments = member_of(text, "arguments");
  if (arguments.empty()) arguments = member_of(text, "parameters");
  if (!name_text.starts_with('"')) return std::nullopt;
  const std::string name(json::parse(name_text).as_string());
  if (tool_named(tools, name) == nullptr) return std::nullopt;
  if (arguments.starts_with('{')) return schema::ToolCall{{}, name, std::string(arguments)};
  if (!arguments.starts_with('"')) return std::nullopt;
  const std::string quoted(json::parse(arguments).as_string());  // JSON in a string
  const auto value = parsed(quoted);
  if (!value || !value->is_object()) return std::nullopt;
  return schema::ToolCall{{}, name, quoted};
}

// The types that a tool's schema allows for a parameter; nothing when it does not say.
std::optional<bool> takes_text(const schema::Tool& tool, std::string_view parameter) {
  const auto schema = parsed(tool.parameters_json);
  if (!schema || !schema->is_object()) return std::nullopt;
  const json::value* found = schema->get_object().if_contains("properties");
  if (found == nullptr || !found->is_object()) return std::nullopt;
  found = found->get_object().if_contains(parameter);
  if (found == nullptr || !found->is_object()) return std::nullopt;
  found = found->get_object().if_contains("type");
  if (found == nullptr) return std::nullopt;
  if (found->is_string()) return found->get_string() == "string";
  if (!found->is_array()) return std::nullopt;
  const json::array& types = found->get_array();
  return std::find(types.begin(), types.end(), json::value("string")) != types.end();
}

std::string value_of(const schema::Tool& tool, std::string_view key, std::string_view text) {
  const bool quote = takes_text(tool, key).value_or(false);
  if (!quote && parsed(text)) return std::string(trimmed(text));
  return json::serialize(json::string(text));
}

struct PairTags {
  std::string_view key, key_end, value, value_end;
};
constexpr std::array<PairTags, 2> kPairs{
    {{"<param_key>", "</param_key>", "<param_value>", "</param_value>"},
     {"<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"}}};

// Takes what stands between two tags at the front of `text`; the space in front is nothing.
std::optional<std::string_view> take(std::string_view& text, std::string_view open,
                                     std::string_view close) {
  const std::string_view rest = text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
  if (!rest.starts_with(open)) return std::nullopt;
  const std::size_t end = rest.find(close, open.size());
  if (end == std::string_view::npos) return std::nullopt;
  text = rest.substr(end + close.size());
  return rest.substr(open.size(), end - open.size());
}

std::optional<schema::ToolCall> tagged_call(std::string_view text, const PairTags& tags,
                                            const Tools& tools) {
  const std::size_t first = std::min(text.find(tags.key), text.size());
  const schema::Tool* tool = tool_named(tools, trimmed(text.substr(0, first)));
  if (tool == nullptr) return std::nullopt;
  text.remove_prefix(first);
  std::string arguments = "{";
  while (!trimmed(text).empty()) {
    const auto key = take(text, tags.key, tags.key_end);
    if (!key) return std::nullopt;
    const auto value = take(text, tags.value, tags.value_end);
    if (!value) return std::nullopt;
    if (arguments.size() > 1) arguments += ',';
    arguments += json::serialize(json::string(trimmed(*key)));
    arguments += ':';
    arguments += value_of(*tool, trimmed(*key), *value);
  }
  return schema::ToolCall{{}, tool->name, arguments + "}"};
}

std::optional<schema::ToolCall> deepseek_call(std::string_view text, std::size_t gap,
                                              const Tools& tools) {
  std::string_view name = trimmed(text.substr(0, gap));
  std::string_view rest = text.substr(gap + kDeepSeekGap.size());
  if (name == "function") {  // V3 and R1; V3.1 has the name there
    const std::size_t line = std::min(rest.find('\n'), rest.size());
    name = trimmed(rest.substr(0, line));
    rest.remove_prefix(line);
  }
  const std::string_view arguments = without_fence(trimmed(rest));
  const auto value = parsed(arguments);
  if (!value || !value->is_object() || tool_named(tools, name) == nullptr) return std::nullopt;
  return schema::ToolCall{{}, std::string(name), std::string(arguments)};
}

}  // namespace

Calls calls_in_json(std::string_view text, const Tools& tools) {
  text = trimmed(text);
  const auto value = parsed(text);
  if (!value || (!value->is_object() && !value->is_array())) return {};
  Calls calls;
  const std::vector<std::string_view> objects =
      value->is_array() ? items_of(text) : std::vector<std::string_view>{text};
  for (const std::string_view object : objects) {
    if (!object.starts_with('{')) return {};
    auto call = call_of_object(object, tools);
    if (!call) return {};
    calls.push_back(std::move(*call));
  }
  return calls;
}

Calls calls_in_block(std::string_view text, const Tools& tools) {
  text = trimmed(text);
  if (text.starts_with('{') || text.starts_with('[')) return calls_in_json(text, tools);
  const std::size_t gap = text.find(kDeepSeekGap);
  if (gap != std::string_view::npos) {
    auto call = deepseek_call(text, gap, tools);
    return call ? Calls{std::move(*call)} : Calls{};
  }
  for (const PairTags& tags : kPairs) {
    if (auto call = tagged_call(text, tags, tools)) return {std::move(*call)};
  }
  return {};
}

Calls calls_in_answer(std::string_view text, const Tools& tools) {
  text = without_fence(trimmed(text));
  if (!text.starts_with(kOpen)) return calls_in_json(text, tools);
  Calls calls;
  while (text.starts_with(kOpen)) {
    const std::size_t close = text.find(kClose);
    if (close == std::string_view::npos) return {};
    Calls block = calls_in_block(text.substr(kOpen.size(), close - kOpen.size()), tools);
    if (block.empty()) return {};
    for (schema::ToolCall& call : block) calls.push_back(std::move(call));
    text = trimmed(text.substr(close + kClose.size()));
  }
  return text.empty() ? calls : Calls{};
}

Likeness likeness_of_call(std::string_view beginning) {
  constexpr std::array<std::string_view, 4> kInfos{"", "json", "tool_call", "xml"};
  constexpr std::array<std::string_view, 6> kKeys{"name", "arguments", "parameters",
                                                  "type", "function",  "id"};
  const auto after_space = [](std::string_view text) {
    return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
  };
  // Whether `part`, which may go on unless it is `whole`, is one of the words.
  const auto among = [](std::string_view part, bool whole, const auto& words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
      return whole ? word == part : word.starts_with(part);
    });
  };
  std::string_view text = after_space(beginning);
  if (beginning.size() > kUnsureBytesMax) return Likeness::No;
  if (text.size() < kFence.size() && kFence.starts_with(text)) return Likeness::Unsure;
  if (text.starts_with(kFence)) {
    text.remove_prefix(kFence.size());
    const std::size_t line = text.find('\n');
    const bool whole = line != std::string_view::npos;
    if (!among(trimmed(text.substr(0, line)), whole, kInfos)) return Likeness::No;
    if (!whole) return Likeness::Unsure;
    text = after_space(text.substr(line));
    if (text.starts_with(kOpen)) return Likeness::Likely;
    if (kOpen.starts_with(text)) return Likeness::Unsure;
  }
  for (const char bracket : {'[', '{'}) {
    if (text.starts_with(bracket))
      text = after_space(text.substr(1));
    else if (bracket == '{')
      return text.empty() ? Likeness::Unsure : Likeness::No;
  }
  if (text.empty()) return Likeness::Unsure;
  if (text.front() != '"') return Likeness::No;
  const std::size_t end = text.find('"', 1);
  const bool whole = end != std::string_view::npos;
  if (!among(text.substr(1, whole ? end - 1 : end), whole, kKeys)) return Likeness::No;
  return whole ? Likeness::Likely : Likeness::Unsure;
}

bool speaks_of_call(std::string_view text, const Tools& tools) {
  if (text.find(R"("name")") == std::string_view::npos &&
      text.find(kOpen) == std::string_view::npos)
    return false;
  return std::any_of(tools.begin(), tools.end(), [text](const schema::Tool& tool) {
    return text.find('"' + tool.name + '"') != std::string_view::npos;
  });
}

std::string call_schema(const std::vector<schema::Tool>& tools) {
  json::array choices;
  for (const schema::Tool& tool : tools) {
    boost::system::error_code error;
    json::value parameters = json::parse(tool.parameters_json, error);
    if (error || !parameters.is_object() || parameters.get_object().empty()) {
      parameters = json::object{{"type", "object"}};
    }
    choices.push_back(
        json::object{{"type", "object"},
                     {"properties", {{"name", {{"const", tool.name}}}, {"arguments", parameters}}},
                     {"required", {"name", "arguments"}},
                     {"additionalProperties", false}});
  }
  if (choices.size() == 1) return json::serialize(choices.front());
  return json::serialize(json::object{{"anyOf", choices}});
}

std::string tool_instructions(const std::vector<schema::Tool>& tools) {
  std::string text = "You can call these tools. Each line is one tool as JSON:\n";
  for (const schema::Tool& tool : tools) {
    boost::system::error_code error;
    json::value parameters = json::parse(tool.parameters_json, error);
    if (error) parameters = json::object{};
    text += json::serialize(json::object{
        {"name", tool.name}, {"description", tool.description}, {"parameters", parameters}});
    text += '\n';
  }
  text +=
      "To call one, answer with nothing but a JSON object: "
      "{\"name\": \"the tool\", \"arguments\": {…}}. Otherwise answer in words.";
  return text;
}

}  // namespace xc::engine

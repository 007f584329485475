#include "engine/core/tool_text.h"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/limits.h"

namespace xc::engine {
namespace {

namespace json = boost::json;

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::array<std::string_view, 4> kBeginnings{"{", "[", "```", "<tool_call>"};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool may_begin_a_call(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return true;
  text.remove_prefix(first);
  return std::any_of(kBeginnings.begin(), kBeginnings.end(), [text](std::string_view b) {
    return text.starts_with(b) || b.starts_with(text);
  });
}

// ```json\n…\n``` → …
std::string_view without_fence(std::string_view text) {
  if (!text.starts_with("```")) return text;
  const std::size_t line = text.find('\n');
  const std::size_t close = text.rfind("```");
  if (line == std::string_view::npos || close <= line) return text;
  if (!trimmed(text.substr(close + 3)).empty()) return text;
  return trimmed(text.substr(line, close - line));
}

// <tool_call>A</tool_call><tool_call>B</tool_call> → "A", "B"; other text → itself.
std::vector<std::string_view> blocks(std::string_view text) {
  constexpr std::string_view kOpen = "<tool_call>";
  constexpr std::string_view kClose = "</tool_call>";
  std::vector<std::string_view> out;
  if (!text.starts_with(kOpen)) return {text};
  while (text.starts_with(kOpen)) {
    const std::size_t close = text.find(kClose);
    const std::size_t end = close == std::string_view::npos ? text.size() : close;
    out.push_back(trimmed(text.substr(kOpen.size(), end - kOpen.size())));
    text = close == std::string_view::npos ? std::string_view()
                                           : trimmed(text.substr(close + kClose.size()));
  }
  if (!text.empty()) out.push_back(text);  // words behind a call: then it is no call
  return out;
}

}  // namespace

ToolText::ToolText(std::vector<std::string> tool_names) : names_(std::move(tool_names)) {}

std::string ToolText::add(std::string_view text) {
  if (plain_) return std::string(text);
  held_ += text;
  if (may_begin_a_call(held_) && held_.size() <= limits::kToolTextBytesMax) return {};
  plain_ = true;
  return std::exchange(held_, {});
}

std::vector<schema::ToolCall> ToolText::calls_in(std::string_view text) const {
  std::vector<schema::ToolCall> calls;
  for (const std::string_view block : blocks(without_fence(trimmed(text)))) {
    boost::system::error_code error;
    const json::value value = json::parse(block, error);
    if (error) return {};
    const json::array one{value};
    for (const json::value& item : value.is_array() ? value.get_array() : one) {
      const json::object* object = item.if_object();
      if (object == nullptr) return {};
      const json::value* name = object->if_contains("name");
      const json::value* arguments = object->if_contains("arguments");
      if (arguments == nullptr) arguments = object->if_contains("parameters");
      if (name == nullptr || !name->is_string() || arguments == nullptr ||
          !arguments->is_object()) {
        return {};
      }
      const std::string text_name(name->get_string());
      if (std::find(names_.begin(), names_.end(), text_name) == names_.end()) return {};
      calls.push_back({{}, text_name, json::serialize(*arguments)});
    }
  }
  return calls;
}

ToolText::End ToolText::finish() {
  End end;
  if (!plain_) end.calls = calls_in(held_);
  if (end.calls.empty()) end.text = std::exchange(held_, {});
  return end;
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

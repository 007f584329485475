// Tools of a chat request and the choice among them, in today's form and in the legacy one.
#include <algorithm>

#include "base/limits.h"
#include "schema/chat_parts.h"

namespace xc::schema {
namespace {

Status read_declared(const JsonObject& body, std::vector<Tool>& out) {
  XC_TRY(const auto tools, body.array("tools", limits::kToolsMax));
  for (std::size_t i = 0; tools && i < tools->size(); ++i) {
    XC_TRY(const JsonObject item, tools->at(i).as_object());
    XC_TRY(const JsonField type, item.need("type"));
    XC_CHECK(type.as_one_of({"function"}));
    XC_TRY(const JsonObject function, item.need_object("function"));
    XC_TRY(Tool tool, read_tool(function, "parameters"));
    out.push_back(std::move(tool));
  }
  XC_TRY(const auto legacy, body.array("functions", limits::kToolsMax));
  for (std::size_t i = 0; !tools && legacy && i < legacy->size(); ++i) {
    XC_TRY(const JsonObject function, legacy->at(i).as_object());
    XC_TRY(Tool tool, read_tool(function, "parameters"));
    out.push_back(std::move(tool));
  }
  return {};
}

Status read_choice(const JsonField& field, const std::vector<Tool>& tools, ToolChoice& out) {
  using Kind = ToolChoice::Kind;
  if (field.value().is_string()) {
    XC_TRY(const std::size_t kind, field.as_one_of({"auto", "none", "required"}));
    constexpr Kind kKinds[] = {Kind::Auto, Kind::None, Kind::Required};
    out.kind = kKinds[kind];
    return {};
  }
  if (!field.value().is_object()) return field.wrong_type("string or object");
  XC_TRY(const JsonObject object, field.as_object());
  XC_TRY(const JsonField type, object.need("type"));
  XC_CHECK(type.as_one_of({"function"}));
  XC_TRY(const JsonObject function, object.need_object("function"));
  XC_TRY(const JsonField name, function.need("name"));
  return choose_named(name, tools, out);
}

Status read_legacy_choice(const JsonField& field, const std::vector<Tool>& tools, ToolChoice& out) {
  if (field.value().is_string()) {
    XC_TRY(const std::size_t kind, field.as_one_of({"auto", "none"}));
    out.kind = kind == 0 ? ToolChoice::Kind::Auto : ToolChoice::Kind::None;
    return {};
  }
  if (!field.value().is_object()) return field.wrong_type("string or object");
  XC_TRY(const JsonObject object, field.as_object());
  XC_TRY(const JsonField name, object.need("name"));
  return choose_named(name, tools, out);
}

}  // namespace

Result<Tool> read_tool(const JsonObject& in, std::string_view schema_key) {
  Tool tool;
  XC_TRY(tool.name, in.need_text("name"));
  if (tool.name.empty()) {
    const std::string path = in.path_of("name");
    return fail_field(path, xc::Message::MissingField, {path});
  }
  XC_CHECK(in.text("description", tool.description));
  XC_TRY(const auto parameters, in.object(schema_key));
  tool.parameters_json = parameters ? json_of(parameters->object()) : "{}";
  XC_CHECK(in.flag("strict", tool.strict));
  return tool;
}

Status choose_named(const JsonField& field, const std::vector<Tool>& tools, ToolChoice& out) {
  XC_TRY(const std::string_view name, field.as_text());
  std::string declared;
  for (const Tool& tool : tools) {
    if (tool.name == name) {
      out = {ToolChoice::Kind::Named, tool.name};
      return {};
    }
    if (!declared.empty()) declared += ", ";
    declared += tool.name;
  }
  return field.bad_value(name, declared);
}

Status read_tools(const JsonObject& body, ChatRequest& out) {
  XC_CHECK(read_declared(body, out.tools));
  XC_CHECK(body.flag("parallel_tool_calls", out.parallel_tool_calls));
  if (const auto choice = body.find("tool_choice")) {
    XC_CHECK(read_choice(*choice, out.tools, out.tool_choice));
  } else if (const auto legacy = body.find("function_call")) {
    XC_CHECK(read_legacy_choice(*legacy, out.tools, out.tool_choice));
  }
  return settle_choice(out);
}

Status settle_choice(ChatRequest& out) {
  if (!out.tools.empty()) return {};
  if (out.tool_choice.kind == ToolChoice::Kind::Required) {
    return fail_field("tools", xc::Message::MissingField, {"tools"});
  }
  // Without tools the rest means nothing, and some endpoints refuse to hear it.
  out.tool_choice = {};
  out.parallel_tool_calls = true;
  return {};
}

}  // namespace xc::schema

// The two large parts of a chat request. Internal to schema/. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"
#include "schema/json_reader.h"

namespace xc::schema {

// "messages": at least one. developer is System; function (legacy) is Tool, its call id is made of
// the function's name as is that of the assistant's legacy function_call.
Result<std::vector<Message>> read_messages(const JsonArray& array);

// "tools", "tool_choice", "parallel_tool_calls", and the legacy "functions", "function_call".
Status read_tools(const JsonObject& body, ChatRequest& out);

// {"name","description","strict"} and the schema under `schema_key`, "{}" when that is absent.
Result<Tool> read_tool(const JsonObject& in, std::string_view schema_key);

// Required needs tools. Without tools the choice goes back to its defaults.
Status settle_choice(ChatRequest& out);

// TooMany at `field` beyond what read_messages takes, for shapes whose items become messages in
// another number: the worker must not refuse what the door let in.
Status check_sizes(const ChatRequest& request, const std::string& field);

// Sets a named choice; BadValue at `field` unless `tools` declare the name.
Status choose_named(const JsonField& field, const std::vector<Tool>& tools, ToolChoice& out);

}  // namespace xc::schema

// The forms in which models write tool calls, as text, and how they are told of tools that their
// chat template has no place for. Pure; thread-safe. output_reader.h finds the text of a call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/chat.h"

namespace xc::engine {

// The calls in `text`, without ids and with the arguments as the model wrote them; none when it is
// anything but calls of declared tools. Forms: {"name":…,"arguments"|"parameters":{…}},
// {"type":"function","function":{…}}, an array of these.
std::vector<schema::ToolCall> calls_in_json(std::string_view text,
                                            const std::vector<schema::Tool>& tools);
// The same for what stands between a pair of tags: JSON as above; Xing4's
// name<param_key>k</param_key><param_value>v</param_value>… (also GLM's arg_key, arg_value), whose
// values become what the tool's schema says; DeepSeek's name<｜tool▁sep｜>{…}, and R1's
// function<｜tool▁sep｜>name and the arguments in a code fence.
std::vector<schema::ToolCall> calls_in_block(std::string_view text,
                                             const std::vector<schema::Tool>& tools);
// The same for a whole answer: JSON or <tool_call> blocks, alone or in a code fence.
std::vector<schema::ToolCall> calls_in_answer(std::string_view text,
                                              const std::vector<schema::Tool>& tools);

enum class Likeness : std::uint8_t { No, Unsure, Likely };
// Whether an answer that begins like this may be a call in plain JSON. Likely: the end decides.
Likeness likeness_of_call(std::string_view beginning);
// Text that was meant as a call of a declared tool, though it cannot be read as one.
bool speaks_of_call(std::string_view text, const std::vector<schema::Tool>& tools);

// A JSON schema that admits exactly one call of one of these tools.
std::string call_schema(const std::vector<schema::Tool>& tools);
// Words for a system message that tell a model without tool support what there is and how to call.
std::string tool_instructions(const std::vector<schema::Tool>& tools);

}  // namespace xc::engine

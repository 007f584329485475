// Tool calls that a model wrote as plain JSON instead of its template's tags: one object
// {"name": …, "arguments": {…}}, an array of them, or several <tool_call> blocks; alone or in a
// code fence; naming declared tools only. Anything else is text and is delivered as text.
// One per choice; pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema/chat.h"

namespace xc::engine {

class ToolText {
 public:
  explicit ToolText(std::vector<std::string> tool_names);

  // Returns what may leave now: nothing while all the text so far may still be a call.
  std::string add(std::string_view text);
  struct End {
    std::string text;
    std::vector<schema::ToolCall> calls;  // without ids
  };
  End finish();

 private:
  std::vector<schema::ToolCall> calls_in(std::string_view text) const;

  std::vector<std::string> names_;
  std::string held_;
  bool plain_ = false;  // it cannot be a call any more
};

// A JSON schema that admits exactly one call of one of these tools.
std::string call_schema(const std::vector<schema::Tool>& tools);
// Words for a system message that tell a model without tool support what there is and how to call.
std::string tool_instructions(const std::vector<schema::Tool>& tools);

}  // namespace xc::engine

// Splits one choice's output into content, reasoning and tool calls.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/core/output_reader.h"
#include "schema/chat.h"

struct common_chat_parser_params;

namespace xc::engine::llama {

// Reads one choice's output as it grows. Text that cannot be read is delivered as content, never
// swallowed. Not thread-safe.
class ChatReader {
 public:
  // See RenderedChat. `make_id` gives ids to tool calls.
  ChatReader(std::shared_ptr<const common_chat_parser_params> parser, OutputForm form,
             std::function<std::string()> make_id);
  ~ChatReader();
  ChatReader(ChatReader&&) noexcept;

  // Appends what `text` adds to `delta`. `final`: the output is complete.
  void read(std::string_view text, bool final, schema::Delta& delta);
  bool has_tool_calls() const;
  bool in_reasoning() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace xc::engine::llama

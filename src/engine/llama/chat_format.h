// Chat templates, tool-call grammars and the split of output into content, reasoning and tool
// calls: all of it llama.cpp's common/chat, isolated here. Immutable after open; thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/core/output_reader.h"
#include "engine/llama/model.h"
#include "engine/llama/sampler.h"
#include "schema/chat.h"

struct common_chat_parser_params;

namespace xc::engine::llama {

// Where an image stands in a prompt. Random, the same for the process: no text can pose as one.
const std::string& media_marker();

struct RenderedChat {
  std::string prompt;  // images stand as media markers
  Constraint constraint;
  std::vector<std::string> stops;            // the template's and the request's
  std::vector<const schema::Image*> images;  // into the request or `kept`, in order of the markers
  std::shared_ptr<const std::vector<schema::Message>> kept;  // rewritten messages, if any
  // How to read the output: by the library's parser, when the form is none of ours, and what that
  // calls content, else all of it, by `form`.
  std::shared_ptr<const common_chat_parser_params> parser;
  OutputForm form;
};

class ChatFormat {
 public:
  // Null when the model has no chat template.
  static std::unique_ptr<ChatFormat> open(const Model& model);
  // The same from a template's text. Null when it cannot be used.
  static std::unique_ptr<ChatFormat> of_template(const std::string& source);
  ~ChatFormat();

  bool thinking() const { return thinking_; }
  // Error: BadTemplate, BadSchema. Milliseconds.
  Result<RenderedChat> render(const schema::ChatRequest& request) const;

 private:
  struct Templates;
  ChatFormat() = default;
  static std::unique_ptr<ChatFormat> examined(std::unique_ptr<ChatFormat> format);
  bool reads_itself(const schema::ChatRequest& request) const;
  OutputForm form_of(const schema::ChatRequest& request, const std::string& prompt) const;

  std::unique_ptr<Templates> templates_;
  bool thinking_ = false;
  bool knows_tools_ = false;  // the template has a place for tools
  bool own_calls_ = false;    // calls_ says how it has them written
  OutputForm calls_;          // without tools
};

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

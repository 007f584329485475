// What a chat template makes of a request: the prompt, the grammar of calls, the limit of thoughts,
// and how the output is to be read (chat_reader.h). Templates and grammars are llama.cpp's
// common/chat, isolated in this folder. Immutable after open; thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/core/output_reader.h"
#include "engine/llama/model.h"
#include "engine/llama/sampler.h"
#include "schema/chat.h"

struct common_chat_parser_params;
struct common_chat_templates_inputs;

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
  // The file's template, else the built-in one of its family (schema/builtin_templates.h). Null
  // when there is neither.
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
  std::optional<int> thought_tokens(const schema::ChatRequest& request) const;
  ThoughtLimit limit_of(const schema::ChatRequest& request, const RenderedChat& rendered) const;
  void close_thoughts(RenderedChat& rendered) const;
  void render_plain(const schema::ChatRequest& request, const std::string& schema,
                    common_chat_templates_inputs& inputs, RenderedChat& rendered) const;
  void render_parsed(const schema::ChatRequest& request, const std::string& schema,
                     common_chat_templates_inputs& inputs, RenderedChat& rendered) const;

  std::unique_ptr<Templates> templates_;
  bool thinking_ = false;
  bool knows_tools_ = false;   // the template has a place for tools
  bool knows_effort_ = false;  // the template has a place for reasoning_effort
  bool own_calls_ = false;     // calls_ says how it has them written
  OutputForm calls_;           // without tools
};

}  // namespace xc::engine::llama

// Splits what a model writes into thoughts, text and tool calls while it is written. The result
// does not depend on where the output is cut: it is read byte by byte.
//
// A call leaves whole, as soon as its end is read, so nobody ever gets half of one. What looks like
// a call and cannot be read (unfinished, broken JSON, an undeclared tool) is delivered as the text
// that it is, and said to be unread. Tags in code fences and behind a backtick are text.
// docs/decisions/0017. One per choice; pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/chat.h"

namespace xc::engine {

struct CallTags {
  std::string open;
  std::string close;
};

// How a model writes; its chat template tells.
struct OutputForm {
  bool thinks = false;    // thoughts stand between the two tags, in front of the answer
  bool thinking = false;  // the prompt ended within thoughts: the output has no opening tag
  std::string think_open = "<think>";
  std::string think_close = "</think>";
  std::vector<CallTags> calls;
  std::vector<std::string> around_calls;  // tags that mean nothing, around all calls
  std::vector<schema::Tool> tools;        // on offer; none: nothing is a call
};
OutputForm hermes_form();    // <tool_call>…</tool_call>: Hermes, Qwen, TeleChat 2 and 3, Xing4, GLM
OutputForm deepseek_form();  // <｜tool▁call▁begin｜>…<｜tool▁call▁end｜>: V3, R1, V3.1

struct OutputParts {
  std::string content;
  std::string reasoning;
  std::vector<schema::ToolCall> calls;  // without ids
  bool unread_call = false;             // content has a call that could not be read
};

class OutputReader {
 public:
  explicit OutputReader(OutputForm form);

  // Appends what `text` adds. Whole characters in, whole characters out.
  void add(std::string_view text, OutputParts& out);
  // The output is complete; once.
  void finish(OutputParts& out);
  bool in_reasoning() const { return state_ == State::Thinking; }

 private:
  enum class State : std::uint8_t { Text, Thinking, Whole, Block };

  void step(char c, OutputParts& out);
  void step_block(char c, OutputParts& out);
  void step_whole(char c, OutputParts& out);
  bool is_tag_prefix() const;
  bool take_tag();
  bool reads_calls() const;
  void say(char c, OutputParts& out);
  void watch_fence(char c);
  void open_block(std::size_t tags);
  void end_block(std::size_t body_end, OutputParts& out);
  void finish_block(OutputParts& out);
  void give_up_block(std::size_t end, OutputParts& out);
  void end_whole(OutputParts& out);

  OutputForm form_;
  State state_ = State::Text;
  std::string space_;  // white space that is text only if text follows
  std::string tag_;    // the beginning of a tag
  std::string held_;   // State::Whole: all of the answer; State::Block: from its opening tag on
  bool whole_tried_ = false;
  bool whole_likely_ = false;
  bool said_ = false;     // content
  bool thought_ = false;  // there were thoughts
  bool called_ = false;
  bool mused_ = false;       // a thought was said
  bool plain_tags_ = false;  // a tag counts wherever it stands: what hid it is broken
  // Of the text: the line so far, up to its first bytes, and the fence that is open.
  std::string line_;
  std::string fence_;
  char last_ = '\n';
  // Of the block.
  std::size_t tags_ = 0;
  bool json_ = false;
  bool begun_ = false;     // a byte that is no space was read
  bool in_value_ = false;  // a JSON string or a tagged value: tags there are data
  bool escaped_ = false;
};

}  // namespace xc::engine

// What a line typed into the chat means. Pure.
#pragma once

#include <string>
#include <string_view>

#include "schema/chat.h"

namespace xc::app {

enum class Verb : std::uint8_t {
  Nothing,  // blank
  Say,
  Help,
  Bye,
  Clear,
  System,
  Set,
  Model,
  Save,
  Unknown,        // text: the command as typed
  NeedsArgument,  // text: the command as typed
};

struct ChatLine {
  Verb verb = Verb::Nothing;
  std::string name;  // Set: which setting
  std::string text;  // the rest
};

// "/set temperature 0.2", "/bye", or anything else to say. A path ("/usr/bin is …") is no command.
ChatLine parse_chat_line(std::string_view line);

// temperature, top_p, max_tokens, seed, think. False when the name is unknown or the value is out
// of its range.
bool put_chat_setting(schema::ChatRequest& request, std::string_view name, std::string_view value);

// Gathers lines between """ and """. feed() answers true when a whole message is ready.
class Gatherer {
 public:
  bool feed(std::string_view line);
  bool open() const { return open_; }
  std::string take();
  void clear();

 private:
  bool open_ = false;
  std::string text_;
};

}  // namespace xc::app

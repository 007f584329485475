// One conversation with a model over the running server, answers printed as they come.
// Not thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "app/api_client.h"
#include "schema/chat.h"
#include "schema/openai.h"

namespace xc::app {

// How answers are shown.
struct ChatView {
  bool print = true;      // to stdout as they come
  bool thoughts = false;  // shown dim before the answer
  bool safe = false;      // a terminal reads: control characters are left out
};

class Chat {
 public:
  // `api` must outlive the chat.
  Chat(const ApiClient& api, ChatView view, Language language);

  schema::ChatRequest& request() { return request_; }
  void set_system(const std::string& text);  // empty removes it
  void clear();                              // forgets all but the system prompt

  struct Answer {
    schema::Choice choice;
    schema::Usage usage;
    bool stopped = false;  // by Ctrl-C; what came so far is kept
  };
  // Says it and waits for the whole answer. After an error the conversation is as before.
  Result<Answer> say(const std::string& text);

  // The conversation as Markdown. Pure.
  std::string markdown() const;

 private:
  void show(const schema::Delta& delta);
  void end_answer(const Answer& answer);
  const ApiClient& api_;
  ChatView view_;
  Language language_;
  schema::ChatRequest request_;
  enum class Part : std::uint8_t { None, Thought, Content } part_ = Part::None;
};

}  // namespace xc::app

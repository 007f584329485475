// Follows how long one choice thinks, token by token, and says what to write when that is enough.
//
// Thoughts begin at the opening tag in front of the answer, or within the prompt, and end at the
// closing tag. After the budget's last token the closing tokens are due, one by one; whoever
// samples takes them instead of its own choice, and the answer goes on behind them. They wait, a
// few tokens at most, while a character or the closing tag itself is being written.
//
// The state depends on the tokens alone: who replays an answer (another process, another choice)
// arrives at the same state. One a choice; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/sequence_pool.h"

namespace xc::engine {

struct ThoughtLimit {
  enum class Start : std::uint8_t {
    Answer,    // thoughts may come in front of it
    Thoughts,  // the prompt ended within them
    None,      // the model does not think, or the prompt has the beginning of the answer
  } start = Start::None;
  std::string open = "<think>";
  std::string close = "</think>";
  std::optional<int> tokens;   // most of them between the tags; unset: as many as it takes
  std::vector<Token> closing;  // what ends the thoughts: `close`, maybe with white space before it
};

class ThoughtBudget {
 public:
  explicit ThoughtBudget(ThoughtLimit limit);

  // The token that must come next; none: any.
  std::optional<Token> due() const;
  // `text`: the token's bytes, special tokens included; any cut of characters.
  void accept(std::string_view text);
  bool thinking() const { return state_ == State::Counting || state_ == State::Closing; }
  // Nothing more will be due.
  bool over() const { return state_ == State::Over; }

 private:
  enum class State : std::uint8_t { Before, Counting, Closing, Over };

  void begin();
  void look_for_open(std::string_view text);
  void look_for_close(std::string_view text);

  ThoughtLimit limit_;
  State state_ = State::Before;
  std::string seen_;  // Before: the answer so far; Counting: as much as may begin the closing tag
  int spent_ = 0;
  int waited_ = 0;
  std::size_t closed_ = 0;  // closing tokens written
};

}  // namespace xc::engine

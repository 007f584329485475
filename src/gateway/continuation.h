// What went out of a streamed answer, so that another endpoint can go on where one broke off, and
// the seam between the two. Pure; one per answer.
//
// The next one is shown the text so far without the blanks at its end: chat templates cut them off.
// When it says them again, they are dropped here. Usage: what was produced before the seam (a delta
// with text is a token, as everywhere) is the answer's and not the prompt's, so that the sum is
// what the last endpoint said and the prompt counts once.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"

namespace xc::gateway {

// Whether another endpoint could go on with an answer to it at all. Not when a second one would not
// draw from what the first one drew from (a seed, a grammar, a tool that must be called), when
// there are several choices or logprobs, and not behind an assistant's turn of the caller's.
bool may_continue(const schema::ChatRequest& request);

class Continuation {
 public:
  explicit Continuation(bool allowed) : allowed_(allowed) {}

  // Notes what goes out, and after a seam makes `deltas` what the caller shall see of them. Error:
  // Upstream when the one that goes on begins to think: then its server read it wrongly.
  Status pass(std::vector<schema::Delta>& deltas);
  // What the next endpoint is asked, at most limits::kContinuationsMax times. Nothing: nobody can
  // go on: nothing went out yet, thoughts or calls did, it was at its end, or has no tokens left.
  std::optional<std::string> next(std::string_view body);

 private:
  void join(schema::Delta& delta);
  void note(const schema::Delta& delta);

  bool allowed_;
  bool begun_ = false;
  bool closed_ = false;  // what went out cannot be gone on with
  std::string text_;
  int tokens_ = 0;  // of it
  int shown_ = 0;   // of them those that the next endpoint is shown: not the blanks at the end
  // Of the last seam; nothing before it.
  std::optional<int> before_;  // tokens that were shown
  std::string repeated_;       // that may come again
  int asked_ = 0;
};

}  // namespace xc::gateway

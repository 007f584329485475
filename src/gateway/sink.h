// An answer in the caller's shape. Pure: deltas in, bytes out; chat.cc does the sending.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "schema/chat.h"
#include "schema/ollama.h"
#include "schema/openai.h"
#include "schema/responses.h"

namespace xc::gateway {

// For shapes that tell durations. The clock outlives the sink.
struct Watch {
  const Clock* clock = nullptr;
  SteadyTime begun{};  // when the request came
  Duration loading{};  // how long a model was waited for
};

// One per answer. Calls: watch, start, add…, then finish or fail; each appends to `out` what can be
// sent. A stream variant gives SSE as it comes, a whole variant nothing until finish gives the
// body.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual std::string_view media_type() const { return "text/event-stream"; }  // of a stream
  virtual void watch(const Watch& watch) { static_cast<void>(watch); }
  // `known`: what is known of the prompt before the first delta; zeros when nothing is.
  virtual void start(const schema::Usage& known, std::string& out) {
    static_cast<void>(known);
    static_cast<void>(out);
  }
  virtual void add(const schema::Delta& delta, std::string& out) = 0;
  virtual void finish(std::string& out) = 0;
  // The answer broke off in mid-stream: the shape's own error event. Not called on whole variants,
  // whose caller has seen nothing yet and gets an HTTP status.
  virtual void fail(const Error& error, Language language, std::string& out) = 0;
};

// The request decides between stream and whole, usage and logprobs. It outlives the sink.
std::unique_ptr<Sink> chat_sink(schema::ReplyHead head, const schema::ChatRequest& request);
std::unique_ptr<Sink> completion_sink(schema::ReplyHead head,
                                      const schema::CompletionRequest& request);
std::unique_ptr<Sink> message_sink(schema::ReplyHead head, const schema::ChatRequest& request);
// Thoughts and calls have no place in it.
std::unique_ptr<Sink> telechat_sink(std::string seqid, bool stream);
std::unique_ptr<Sink> ollama_sink(schema::ReplyHead head, const schema::ollama::Request& request);
std::unique_ptr<Sink> response_sink(schema::ReplyHead head,
                                    const schema::responses::ResponsesRequest& request);

}  // namespace xc::gateway

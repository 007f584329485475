// Sends an answer to its caller: as server-sent events, or as one JSON body.
#pragma once

#include <string>

#include "base/result.h"
#include "base/task.h"
#include "gateway/call.h"
#include "gateway/sink.h"

namespace xc::gateway {

// One per answer, on the call's I/O thread. An error of send and finish means that the client is
// gone. The status line leaves with the first bytes, so that until then an error is a status.
class AnswerWriter {
 public:
  AnswerWriter(Call& call, bool stream) : call_(call), stream_(stream) {}

  // Sends and clears; nothing happens when there is nothing.
  Task<Status> send(std::string& bytes);
  Task<Status> finish(std::string& bytes);
  // The answer broke off. After the first byte: the shape's error event and a proper end of the
  // stream. Before it: gives the error back, to become an HTTP status.
  Task<Status> break_off(Sink& sink, Error error);

 private:
  void set_headers();

  Call& call_;
  const bool stream_;
};

}  // namespace xc::gateway

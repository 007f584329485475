// Sends an answer to its caller: as a stream, or as one JSON body.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "gateway/call.h"
#include "gateway/sink.h"

namespace xc::gateway {

// One per answer, on the call's I/O thread. An error of send and finish means that the client is
// gone. The status line leaves with the first bytes, so that until then an error is a status.
class AnswerWriter {
 public:
  // `media_type`: of a stream; text that outlives it.
  AnswerWriter(Call& call, bool stream, std::string_view media_type)
      : call_(call), stream_(stream), media_type_(media_type) {}

  // What the answer's head has to say of these deltas. Once the head has left, the stream's last
  // events say it.
  void note(const std::vector<schema::Delta>& deltas);
  // Sends and clears; nothing happens when there is nothing.
  Task<Status> send(std::string& bytes);
  Task<Status> finish(std::string& bytes);
  // The answer broke off. After the first byte: the shape's error event and a proper end of the
  // stream. Before it: gives the error back, to become an HTTP status.
  Task<Status> break_off(Sink& sink, Error error);

 private:
  void set_headers();
  Task<Status> end_stream(std::string& bytes);

  Call& call_;
  const bool stream_;
  const std::string_view media_type_;
};

}  // namespace xc::gateway

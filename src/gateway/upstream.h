// The way to a worker or an endpoint and back: one seat, one HTTP exchange.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/fleet.h"
#include "gateway/call.h"
#include "gateway/continuation.h"
#include "gateway/seat.h"
#include "gateway/stages.h"
#include "net/client.h"
#include "net/sse.h"
#include "schema/chat.h"

namespace xc::gateway {

// What an endpoint is asked. `body` is OpenAI JSON.
struct Ask {
  std::string model;        // as the caller named it, to find another worker
  std::string_view target;  // "/v1/chat/completions"; lives for ever
  std::string body;
  bool may_continue = false;  // another endpoint can go on with a stream of it (continuation.h)
};

// One SSE payload of an endpoint to deltas, which are appended: schema::append_chat_chunk or
// append_completion_chunk.
using ChunkParser = Status (*)(std::string_view payload, std::vector<schema::Delta>& out);

// An answer on its way. Destroying it closes the connection, which makes the worker stop decoding,
// and gives the seat back. When a worker hands the answer over, or an endpoint breaks off a stream
// with which another of its pool can go on, the next one is found and asked to; to the caller that
// is a pause. How the answer ends is told to the endpoint's breaker. Stays on its I/O thread.
class Generation {
 public:
  // The references must outlive it.
  Generation(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser, Seat seat,
             std::unique_ptr<net::ClientReply> reply, Deadline start_by);

  // What needs no waiting: true with the deltas that are there already, which replace those in
  // `out`; false at the proper end; nothing when next() must be asked.
  std::optional<bool> take_ready(std::vector<schema::Delta>& out);
  // Deltas that came together replace those in `out`; false at the proper end. Error: what the
  // endpoint reported, WorkerLost when it broke off, Deadline. Nothing follows an error.
  Task<Result<bool>> next(std::vector<schema::Delta>& out);
  // Waits for the first deltas, which take_ready() then gives.
  Task<Result<bool>> prefetch() { return pull(prefetched_); }
  // After the answer went out, unless all was read: reads the body to its end, so that the
  // connection can be kept.
  bool drained() const { return reply_->complete(); }
  Task<void> drain();
  // Whether an endpoint of a pool answers; else a worker of this machine does.
  bool from_endpoint() const { return endpoint() != nullptr; }
  const fleet::EndpointUse* endpoint() const { return seat_ ? seat_->endpoint() : nullptr; }
  // Gives back its place and its connection; only destruction may follow.
  void abandon();
  // Nothing more will come: take_ready() gives false.
  bool ended() const { return done_ && prefetched_.empty(); }
  std::string digest() const;  // of the model, as the worker says; may be empty
  // Of the prompt, as the worker said with its first delta; zeros from other endpoints.
  schema::Usage prompt() const;

 private:
  Task<Result<bool>> pull(std::vector<schema::Delta>& out);
  Task<Result<bool>> pull_joined(std::vector<schema::Delta>& out);
  Task<Result<bool>> read_from(fleet::EndpointUse& endpoint, std::vector<schema::Delta>& out);
  Task<Result<bool>> read(std::vector<schema::Delta>& out);
  Task<Result<bool>> read_whole(std::vector<schema::Delta>& out);
  bool take_plain_events(std::string_view& bytes, std::vector<schema::Delta>& out);
  void take_events(std::vector<schema::Delta>& out);
  bool take_data(std::string_view data, std::vector<schema::Delta>& out);
  Task<Status> go_on();
  Task<bool> continue_elsewhere(const Error& error);

  Call* call_;
  Reservation* reservation_;
  const Ask* ask_;
  ChunkParser parser_;
  std::optional<Seat> seat_;
  std::unique_ptr<net::ClientReply> reply_;
  net::SseReader reader_;
  std::string bytes_;
  std::vector<schema::Delta> prefetched_;
  std::optional<Error> failure_;         // found behind deltas that had to go first
  std::optional<std::string> handover_;  // what the worker left, when it leaves
  int handovers_ = 0;
  Continuation joint_;
  Deadline read_by_;  // the next piece
  bool done_ = false;
};

using Begun = Result<std::unique_ptr<Generation>>;

// Stage: asks for a stream and waits until it has begun. When the place fails before that, nothing
// was delivered, so another is asked: a worker that died or left once more, an endpoint's failure
// at the next place that the pools give. Where the model is hedged, an endpoint that gave no token
// in time gets company, and who gives the first one answers; the other is cancelled.
// `reservation` and `ask` outlive the result.
Task<Begun> start(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                  Seat seat);
// Stage: the same once more, after `broken` broke off with `error` while nothing of it had gone
// out: at the next place, when `broken` was an endpoint's. Error: `error`, when there is none.
Task<Begun> start_over(Call& call, Reservation& reservation, const Ask& ask, ChunkParser parser,
                       Generation& broken, Error error);
// Whether a whole reply is what was asked for.
using WholeCheck = std::function<Status(std::string_view json)>;
// Asks for one whole JSON reply, with the same further tries. `check` outlives the call; an
// endpoint whose reply it refuses has failed.
Task<Result<std::string>> ask_whole(Call& call, Reservation& reservation, const Ask& ask, Seat seat,
                                    const WholeCheck& check);

}  // namespace xc::gateway

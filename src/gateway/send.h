// One exchange with a worker or an endpoint, up to the head of its reply.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"
#include "base/task.h"
#include "fleet/fleet.h"
#include "gateway/call.h"
#include "gateway/seat.h"
#include "gateway/upstream.h"
#include "net/client.h"

namespace xc::gateway {

using Reply = std::unique_ptr<net::ClientReply>;

// What the client says about the connection, as the caller shall hear it.
Error told(Error error);
// A worker died, or is on its way out and did not begin.
bool was_lost(const Error& error);
// A header's whole number from 0; 0 when there is none.
int number_in(const net::Headers& headers, std::string_view name);

// The head of a worker's reply that says 200; else its error. `left_over`: what another worker left
// of the answer, or empty. Error: also WorkerLost, Deadline, Cancelled. On the call's I/O thread,
// as the other.
Task<Result<Reply>> send_to_worker(Call& call, const Ask& ask, const fleet::Lease& lease,
                                   std::string left_over);
// The same of an endpoint, which hears of it in its breaker. `seat` and `ask` outlive the call.
Task<Result<Reply>> send_to_endpoint(Call& call, const Ask& ask, const Seat& seat, Deadline by);

}  // namespace xc::gateway

// How an endpoint of a pool is asked and what its failures mean. The endpoint is another party's
// program: it sees nothing of the caller beyond the question, and its errors reach the caller only
// when they are about the question.
#pragma once

#include <string>
#include <string_view>

#include "fleet/pools.h"
#include "gateway/call.h"
#include "gateway/upstream.h"
#include "net/client.h"

namespace xc::gateway {

// The caller's trace goes on there. `state`: its tracestate too, which may say who the caller is
// and so stays in the house.
void pass_trace(const Call& call, bool state, net::Headers& headers);
// Error: Unsupported when the endpoint's maker does not have the address.
Result<net::ClientRequest> request_to(const fleet::EndpointUse& endpoint, const std::string& model,
                                      const Call& call, const Ask& ask);
// By when the first token must be there.
Deadline start_deadline(const fleet::EndpointUse& endpoint, const Call& call);
// By when the next one must.
Deadline stall_deadline(const fleet::EndpointUse& endpoint, const Call& call);

// A reply that is not 200; ends the use. What the caller did wrong stays an error of theirs; a full
// house, a refused key, a missing model and everything else becomes Unavailable or Upstream.
Error refusal_of(fleet::EndpointUse& endpoint, int status, const net::Headers& headers,
                 std::string_view body);
// Anything that broke an answer off: connection, time, shape, an error in the stream; ends the use.
// The caller's own deadline says nothing about the endpoint.
Error failure_of(fleet::EndpointUse& endpoint, const Call& call, Error error);
// Whether another place may be asked, as long as nothing went out to the caller.
bool may_move(const Error& error);

}  // namespace xc::gateway

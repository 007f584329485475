// Requests with one whole JSON answer (vectors, rankings, tokens): the same stages as chat, without
// a stream.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "gateway/call.h"
#include "gateway/estimate.h"
#include "gateway/upstream.h"
#include "schema/chat.h"

namespace xc::gateway {

struct Finding {
  std::string body;  // JSON for the caller
  schema::Usage usage;
};

struct Inquiry {
  Ask ask;  // for the endpoint
  // The endpoint's JSON in the caller's shape.
  std::function<Result<Finding>(std::string_view json)> read;
  // Adds to the body how long the whole took and a worker was waited for; may be absent.
  void (*stamp)(std::string& body, Duration total, Duration loading) = nullptr;
  Estimate estimate{};  // nothing for what is free: counting tokens
};

using InquiryParser = Result<Inquiry> (*)(std::string_view json);
Task<Status> inquire(Call& call, InquiryParser parse);

Task<Status> embeddings(Call& call);
Task<Status> rerank(Call& call);
Task<Status> tokenize(Call& call);
Task<Status> detokenize(Call& call);
Task<Status> count_tokens(Call& call);  // Anthropic

}  // namespace xc::gateway

// What a request may need, before anybody has counted its tokens. Guesses: the reservation grows
// when an answer outgrows them, and settling puts them right.
#pragma once

#include "identity/quota_terms.h"
#include "schema/chat.h"

namespace xc::gateway {

struct Estimate {
  identity::Tokens tokens{};
  int choices = 1;  // no choice is longer than the model's context
};

Estimate estimate_of(const schema::ChatRequest& request);
Estimate estimate_of(const schema::CompletionRequest& request);
Estimate estimate_of(const schema::EmbeddingRequest& request);
Estimate estimate_of(const schema::RerankRequest& request);
// With what one answer may have at most: the context, in tokens; 0 when it is not known.
identity::Tokens bounded(const Estimate& estimate, int context);

}  // namespace xc::gateway

// The pipeline of every chat-like request, and its routes.
#pragma once

#include "gateway/call.h"
#include "gateway/question.h"

namespace xc::gateway {

Task<Status> converse(Call& call, QuestionParser parse);

Task<Status> chat(Call& call);
Task<Status> completions(Call& call);
Task<Status> messages(Call& call);
Task<Status> responses(Call& call);
Task<Status> stored_response(Call& call);  // always 404: nothing is stored

}  // namespace xc::gateway

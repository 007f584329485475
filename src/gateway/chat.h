// The pipeline of every chat-like request, and its routes.
#pragma once

#include "gateway/call.h"
#include "gateway/question.h"

namespace xc::gateway {

Task<Status> converse(Call& call, QuestionParser parse);
// The same for a body that is read already.
Task<Status> converse(Call& call, Result<Question> question);

Task<Status> chat(Call& call);
Task<Status> completions(Call& call);
Task<Status> messages(Call& call);
Task<Status> responses(Call& call);
// TeleChat's own contract. Without "model" the one that the key may use and that is a TeleChat,
// else the only one there is; MissingField when there are several.
Task<Status> telechat_text(Call& call);
Task<Status> telechat_json(Call& call);
Task<Status> stored_response(Call& call);  // always 404: nothing is stored

}  // namespace xc::gateway

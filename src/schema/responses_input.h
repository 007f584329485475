// "input" of a Responses request as messages. Internal to schema/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/chat.h"
#include "schema/json_reader.h"

namespace xc::schema::responses {

// Appends the messages of a string or of items. Output items that follow each other (reasoning,
// message, calls) become one assistant turn, because templates want parallel calls in one.
Status read_input(const JsonField& input, std::vector<Message>& messages);

// 404 NoResponse: `param` names something that only a server that stores responses knows.
std::unexpected<Error> not_stored(std::string param, std::string_view id);

}  // namespace xc::schema::responses

// The HTTP contract of TeleChat's open demo onto ChatRequest and back: POST /telechat/gptDialog/v2
// streams the answer as text, /v4 gives one JSON object. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "schema/chat.h"
#include "schema/openai.h"

namespace xc::schema::telechat {

// {"dialog":[{"role":"user"|"bot","content"}…], do_sample, max_length, top_k, top_p, temperature,
// repetition_penalty}, with the demo's bounds and defaults; false of do_sample is greedy. Roles
// take turns, the first and the last is the user's. Our addition: "model", which stays empty when
// it is absent. Errors as in openai.h, with the contract's names in `param`.
Result<ChatRequest> parse_dialog(std::string_view json);

// What the demo calls an error: 10301 a field is missing, 10904 the dialog's order or roles, 10305
// a parameter out of its range, 10903 all else.
std::string_view code_of(const Error& error);
// {"seqid","code","message","flag":"0","data"}: the request's id, a code as above, our sentence.
std::string render_error(const Error& error, Language language, std::string_view seqid);
// The same with code "0", flag "1", and the turn of the bot as data; beside it role and content,
// where the demo's own clients look. Choice 0; thoughts are not part of it.
std::string render_reply(std::string_view seqid, const Collector& answer);

}  // namespace xc::schema::telechat

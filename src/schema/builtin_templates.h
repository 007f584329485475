// Chat templates of families whose released files may come without one. What they render is what
// the vendors' own code makes of the same turns; the templates themselves are ours.
// Sources: TeleChat's template_telechat.jinja for its vLLM plug-in (generation 1, 52B included);
// TeleChat2's golden prompt; for Xing4.0 what its released chat_template.jinja renders, as others'
// tests of it have it. Pure; thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace xc::schema {

// TeleChat-1B, 7B, 12B, 52B: the last system text, then <_user>question<_bot>answer<_end>. No
// tools, no thoughts. The vendor's demo drops the oldest turns when they grow too long; here a
// prompt is never cut silently.
extern const std::string_view kTeleChat1Template;
// TeleChat 2 and 2.5: the vendor's default system text, tools as lines of JSON under `# 可用工具`,
// calls in Hermes tags, results as a turn of the user. No thoughts: T1 and TeleChat3 bring their
// own. Source: the golden vector of Tele-AI/TeleChat2 PR 14 and the shape its documents describe.
extern const std::string_view kTeleChat2Template;
// Xing4.0: system and tools in one turn, thoughts unless enable_thinking is false, calls with
// <param_key> and <param_value>, their results in a turn <_observation>.
extern const std::string_view kXing4Template;

// The template for a vocabulary of so many tokens, some of which are asked for by their text.
// Empty: no family of these. TeleChat 2 and 3 share the markers of the first generation and have
// 131,072 tokens; where the vocabulary has <think>, the model thinks, and only its own template
// knows when.
std::string builtin_template(int vocabulary,
                             const std::function<bool(std::string_view text)>& has_token);

}  // namespace xc::schema

// What endpoints stream: chunks of chat and completion.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <iterator>

#include "base/limits.h"
#include "schema/json_reader.h"
#include "schema/openai.h"
#include "schema/plain_chunk.h"
#include "schema/reply_parts.h"

namespace xc::schema {
namespace {

namespace json = boost::json;

constexpr std::int64_t kCallIndexMax = limits::kToolsMax - 1;
constexpr std::size_t kChunkMemory = 4'096;  // bytes on the stack: one token's chunk fits

std::unexpected<Error> no_chunk(std::string reason) {
  return fail(Code::Upstream, xc::Message::UpstreamFailed, {"invalid chunk"}, std::move(reason));
}

// Text, or {"type": text} as SGLang's native form has it.
std::optional<Finish> finish_of(const json::object& choice) {
  std::string_view reason = text_in(choice, "finish_reason");
  if (const json::object* object = object_in(choice, "finish_reason")) {
    reason = text_in(*object, "type");
  }
  return finish_named(reason);
}

// Arguments are text; some servers send the object itself.
void read_function(const json::object& function, ToolCallDelta& out) {
  out.name = text_in(function, "name");
  out.arguments = text_in(function, "arguments");
  if (const json::object* object = object_in(function, "arguments")) {
    out.arguments = json_of(*object);
  }
}

Status read_calls(const json::object& message, Delta& out) {
  if (const json::array* calls = array_in(message, "tool_calls")) {
    std::int64_t position = 0;
    for (const json::value& item : *calls) {
      const json::object* call = item.if_object();
      if (call == nullptr) return no_chunk("a tool call is not an object");
      // Without an index, calls come whole and in order.
      const std::int64_t index = integer_in(*call, "index", position++);
      if (index < 0 || index > kCallIndexMax) return no_chunk("tool call index out of range");
      ToolCallDelta delta;
      delta.index = static_cast<int>(index);
      delta.id = text_in(*call, "id");
      if (const json::object* function = object_in(*call, "function")) {
        read_function(*function, delta);
      }
      out.tool_calls.push_back(std::move(delta));
    }
  } else if (const json::object* legacy = object_in(message, "function_call")) {
    ToolCallDelta delta;
    read_function(*legacy, delta);
    out.tool_calls.push_back(std::move(delta));
  }
  return {};
}

Status read_message(const json::object& choice, Delta& out) {
  const json::object* message = object_in(choice, "delta");
  if (message == nullptr) message = object_in(choice, "message");  // a reply that is not streamed
  if (message == nullptr) return {};
  out.content = text_in(*message, "content");
  out.reasoning = text_in(*message, "reasoning_content");
  if (out.reasoning.empty()) out.reasoning = text_in(*message, "reasoning");
  return read_calls(*message, out);
}

bool says_nothing(const Delta& delta) {
  return delta.content.empty() && delta.reasoning.empty() && delta.tool_calls.empty() &&
         delta.logprobs.empty() && !delta.finish && !delta.unread_call;
}

template <typename ReadText>
Result<std::optional<Delta>> read_choice(const json::value& item, ReadText read_text) {
  const json::object* choice = item.if_object();
  if (choice == nullptr) return no_chunk("a choice is not an object");
  const std::int64_t index = integer_in(*choice, "index", 0);
  if (index < 0 || index > kChoiceIndexMax) return no_chunk("choice index out of range");
  Delta delta;
  delta.choice = static_cast<int>(index);
  XC_CHECK(read_text(*choice, delta));
  if (const json::object* logprobs = object_in(*choice, "logprobs")) {
    delta.logprobs = logprobs_of(*logprobs);
  }
  delta.finish = finish_of(*choice);
  delta.unread_call = text_in(*choice, "warning") == kUnreadCall;
  // vLLM's and our worker's; a number there is a token id and says nothing to the caller.
  if (delta.finish == Finish::Stop) delta.stop_match = text_in(*choice, "stop_reason");
  if (says_nothing(delta)) return std::nullopt;
  return delta;
}

template <typename ReadText>
Result<std::vector<Delta>> read_chunk(std::string_view text, ReadText read_text) {
  unsigned char stack[kChunkMemory];
  json::monotonic_resource memory(stack, sizeof stack);
  XC_TRY(const json::object chunk, read_reply(text, &memory));
  const json::array* choices = array_in(chunk, "choices");
  const json::object* usage = object_in(chunk, "usage");
  if (choices == nullptr && usage == nullptr) return no_chunk("neither choices nor usage");
  std::vector<Delta> out;
  out.reserve((choices == nullptr ? 0 : choices->size()) + (usage == nullptr ? 0 : 1));
  bool finished = choices == nullptr || choices->empty();
  for (std::size_t i = 0; choices != nullptr && i < choices->size(); ++i) {
    XC_TRY(std::optional<Delta> delta, read_choice((*choices)[i], read_text));
    if (!delta) continue;
    finished = finished || delta->finish.has_value();
    out.push_back(std::move(*delta));
  }
  // Some endpoints repeat the usage so far in every chunk; only the end counts.
  if (usage == nullptr || !finished) return out;
  out.emplace_back().usage = usage_of(*usage);
  if (const json::object* timings = object_in(chunk, "timings")) {
    out.back().timings = timings_of(*timings);
  }
  return out;
}

Status append(Result<std::vector<Delta>> deltas, std::vector<Delta>& out) {
  if (!deltas) return std::unexpected(std::move(deltas.error()));
  std::ranges::move(*deltas, std::back_inserter(out));
  return {};
}

}  // namespace

Result<std::vector<Delta>> parse_chat_chunk(std::string_view json) {
  std::vector<Delta> deltas;
  XC_CHECK(append_chat_chunk(json, deltas));
  return deltas;
}

Status append_chat_chunk(std::string_view json, std::vector<Delta>& out) {
  return append_plain_chunk(json, out) ? Status() : append(read_chunk(json, read_message), out);
}

Status append_completion_chunk(std::string_view json, std::vector<Delta>& out) {
  return append(parse_completion_chunk(json), out);
}

Result<std::vector<Delta>> parse_completion_chunk(std::string_view text) {
  return read_chunk(text, [](const json::object& choice, Delta& out) -> Status {
    out.content = text_in(choice, "text");
    return {};
  });
}

}  // namespace xc::schema

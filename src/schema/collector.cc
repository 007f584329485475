#include <algorithm>

#include "schema/openai.h"

namespace xc::schema {
namespace {

void append_call(std::vector<ToolCall>& calls, const ToolCallDelta& delta) {
  const auto index = static_cast<std::size_t>(delta.index);
  if (calls.empty() || (index >= calls.size() && (!delta.id.empty() || !delta.name.empty()))) {
    // Appended, not placed at the index: some endpoints count from 1.
    calls.push_back({delta.id, delta.name, delta.arguments});
    return;
  }
  ToolCall& call = calls[std::min(index, calls.size() - 1)];
  if (call.id.empty()) call.id = delta.id;
  if (call.name.empty()) call.name = delta.name;
  call.arguments += delta.arguments;
}

}  // namespace

void Collector::add(const Delta& delta) {
  if (delta.usage) {
    usage_ = *delta.usage;
    return;
  }
  const auto index = static_cast<std::size_t>(delta.choice);
  if (index >= choices_.size()) choices_.resize(index + 1);
  Choice& choice = choices_[index];
  choice.content += delta.content;
  choice.reasoning += delta.reasoning;
  for (const ToolCallDelta& call : delta.tool_calls) append_call(choice.tool_calls, call);
  choice.logprobs.insert(choice.logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
  if (delta.finish) {
    choice.finish = *delta.finish;
    choice.stop_match = delta.stop_match;
  }
}

}  // namespace xc::schema

#include "gateway/estimate.h"

#include <algorithm>

#include "base/limits.h"

namespace xc::gateway {
namespace {

std::int64_t tokens_of(std::size_t bytes) {
  return (static_cast<std::int64_t>(bytes) + limits::kQuotaBytesPerToken - 1) /
         limits::kQuotaBytesPerToken;
}

std::int64_t tokens_of(const schema::Prompt& prompt) {
  if (!prompt.tokens.empty()) return static_cast<std::int64_t>(prompt.tokens.size());
  return tokens_of(prompt.text.size());
}

std::int64_t tokens_of(const schema::Message& message) {
  std::size_t bytes = message.reasoning.size();
  std::int64_t images = 0;
  for (const schema::ContentPart& part : message.parts) {
    bytes += part.text.size();
    images += part.image ? 1 : 0;
  }
  for (const schema::ToolCall& call : message.tool_calls) {
    bytes += call.name.size() + call.arguments.size();
  }
  return tokens_of(bytes) + limits::kQuotaTokensPerMessage + images * limits::kQuotaTokensPerImage;
}

}  // namespace

Estimate estimate_of(const schema::ChatRequest& request) {
  Estimate estimate;
  estimate.choices = std::max(request.n, 1);
  estimate.tokens.prompt = limits::kQuotaTokensPerRequest;
  for (const schema::Message& message : request.messages) {
    estimate.tokens.prompt += tokens_of(message);
  }
  for (const schema::Tool& tool : request.tools) {
    estimate.tokens.prompt +=
        tokens_of(tool.name.size() + tool.description.size() + tool.parameters_json.size());
  }
  estimate.tokens.completion =
      request.max_tokens.value_or(limits::kQuotaCompletionGuess) * std::int64_t{estimate.choices};
  return estimate;
}

Estimate estimate_of(const schema::CompletionRequest& request) {
  constexpr std::int64_t kDefault = 16;  // OpenAI's, when nothing is said
  Estimate estimate;
  const auto prompts = static_cast<int>(std::max<std::size_t>(request.prompts.size(), 1));
  estimate.choices = std::max(request.n, 1) * prompts;
  estimate.tokens.prompt = limits::kQuotaTokensPerMessage + tokens_of(request.suffix.size());
  for (const schema::Prompt& prompt : request.prompts) estimate.tokens.prompt += tokens_of(prompt);
  estimate.tokens.completion =
      request.max_tokens.value_or(kDefault) * std::int64_t{estimate.choices};
  return estimate;
}

Estimate estimate_of(const schema::EmbeddingRequest& request) {
  Estimate estimate;
  for (const schema::Prompt& input : request.inputs) {
    estimate.tokens.prompt += tokens_of(input) + limits::kQuotaTokensPerMessage;
  }
  return estimate;
}

Estimate estimate_of(const schema::RerankRequest& request) {
  Estimate estimate;
  for (const std::string& document : request.documents) {
    estimate.tokens.prompt +=
        tokens_of(document.size() + request.query.size()) + limits::kQuotaTokensPerMessage;
  }
  return estimate;
}

identity::Tokens bounded(const Estimate& estimate, int context) {
  identity::Tokens tokens = estimate.tokens;
  if (context > 0) {
    const std::int64_t most = std::int64_t{context} * estimate.choices;
    tokens.completion = std::min(tokens.completion, most);
  }
  return tokens;
}

}  // namespace xc::gateway

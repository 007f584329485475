#include "gateway/question.h"

#include <ctime>
#include <utility>

#include "base/limits.h"
#include "gateway/continuation.h"
#include "schema/anthropic.h"
#include "schema/grounding.h"
#include "schema/openai.h"
#include "schema/plain_chunk.h"
#include "schema/responses.h"

namespace xc::gateway {
namespace {

// What the endpoint gets: a stream with usage whatever the caller wants, because deltas and the
// bill are needed here. The request itself stays as it was (it may hold images: no copy).
template <typename Request>
std::string body_for_endpoint(Request& request) {
  const bool stream = std::exchange(request.stream, true);
  const bool include_usage = std::exchange(request.include_usage, true);
  std::string body = schema::render(request);
  request.stream = stream;
  request.include_usage = include_usage;
  return body;
}

Question completion_like(schema::CompletionRequest& request) {
  Question question;
  question.model = request.model;
  question.stream = request.stream;
  question.choices = request.n * static_cast<int>(request.prompts.size());
  question.estimate = estimate_of(request);
  question.ask = {request.model, "/v1/completions", body_for_endpoint(request), false};
  question.parser = &schema::append_completion_chunk;
  question.id_prefix = "cmpl-";
  return question;
}

Question chat_like(schema::ChatRequest& request, std::string_view id_prefix) {
  Question question;
  question.model = request.model;
  question.stream = request.stream;
  question.choices = request.n;
  question.estimate = estimate_of(request);
  question.ask = {request.model, "/v1/chat/completions", body_for_endpoint(request),
                  may_continue(request)};
  question.parser = &schema::append_chat_chunk;
  question.id_prefix = id_prefix;
  return question;
}

// The answer's shape for a request, which the question keeps.
template <typename Request, std::unique_ptr<Sink> (*make)(schema::ReplyHead, const Request&)>
void answer_as(Question& question, std::shared_ptr<Request> request) {
  question.asked = std::move(request);
  question.make_sink = [](schema::ReplyHead head, const void* asked) {
    return make(std::move(head), *static_cast<const Request*>(asked));
  };
}

}  // namespace

Day today_of(const Clock& clock) {
  thread_local std::time_t asked_at = -1;  // made once a second: the time zone's table is searched
  thread_local Day today;
  const std::time_t now = clock.unix_ms() / 1000;
  if (now == asked_at) return today;
  std::tm here{};
  localtime_r(&now, &here);
  today = Day(std::chrono::year(here.tm_year + 1900),
              std::chrono::month(static_cast<unsigned>(here.tm_mon) + 1),
              std::chrono::day(static_cast<unsigned>(here.tm_mday)));
  asked_at = now;
  return today;
}

Result<Question> parse_chat_question(std::string_view json, Day today) {
  XC_TRY(schema::ChatRequest parsed, schema::parse_chat(json));
  XC_CHECK(schema::ground(parsed, today));
  auto request = std::make_shared<schema::ChatRequest>(std::move(parsed));
  Question question = chat_like(*request, "chatcmpl-");
  answer_as<schema::ChatRequest, &chat_sink>(question, std::move(request));
  return question;
}

Result<Question> parse_completion_question(std::string_view json, Day /*today*/) {
  XC_TRY(schema::CompletionRequest parsed, schema::parse_completion(json));
  auto request = std::make_shared<schema::CompletionRequest>(std::move(parsed));
  Question question = completion_like(*request);
  answer_as<schema::CompletionRequest, &completion_sink>(question, std::move(request));
  return question;
}

Result<Question> parse_message_question(std::string_view json, Day today) {
  XC_TRY(schema::ChatRequest parsed, schema::anthropic::parse_messages(json));
  XC_CHECK(schema::ground(parsed, today));
  auto request = std::make_shared<schema::ChatRequest>(std::move(parsed));
  Question question = chat_like(*request, "msg_");
  answer_as<schema::ChatRequest, &message_sink>(question, std::move(request));
  return question;
}

Question telechat_question_of(schema::ChatRequest request, std::string seqid) {
  struct Asked {
    schema::ChatRequest request;
    std::string seqid;
  };
  auto kept = std::make_shared<Asked>(std::move(request), std::move(seqid));
  Question question = chat_like(kept->request, "telechat-");
  question.asked = kept;
  question.make_sink = [](schema::ReplyHead, const void* asked) {
    const auto& own = *static_cast<const Asked*>(asked);
    return telechat_sink(own.seqid, own.request.stream);
  };
  return question;
}

Result<Question> parse_response_question(std::string_view json, Day today) {
  XC_TRY(schema::responses::ResponsesRequest parsed, schema::responses::parse(json));
  XC_CHECK(schema::ground(parsed.chat, today));
  auto request = std::make_shared<schema::responses::ResponsesRequest>(std::move(parsed));
  Question question = chat_like(request->chat, "resp_");
  answer_as<schema::responses::ResponsesRequest, &response_sink>(question, std::move(request));
  return question;
}

Question ollama_question(schema::ollama::Request parsed) {
  auto request = std::make_shared<schema::ollama::Request>(std::move(parsed));
  Question question =
      request->raw ? completion_like(*request->raw) : chat_like(request->chat, "ollama-");
  if (!request->chat.max_tokens) {  // as long as there is room: a guess, not all of the room
    question.estimate.tokens.completion = limits::kQuotaCompletionGuess;
  }
  answer_as<schema::ollama::Request, &ollama_sink>(question, std::move(request));
  return question;
}

}  // namespace xc::gateway

// A request of any chat-like API shape in the one form that the stages know.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/estimate.h"
#include "gateway/sink.h"
#include "gateway/upstream.h"
#include "schema/ollama.h"

namespace xc::gateway {

struct Question {
  std::string model;  // as the caller named it
  bool stream = false;
  int choices = 1;  // that the answer may have
  Estimate estimate;
  Ask ask;  // for an endpoint: always a stream with usage
  ChunkParser parser = nullptr;
  std::string_view id_prefix;         // of the reply's id
  std::shared_ptr<const void> asked;  // the parsed request, as make_sink takes it
  std::unique_ptr<Sink> (*make_sink)(schema::ReplyHead head, const void* asked) = nullptr;
  std::unique_ptr<Sink> sink(schema::ReplyHead head) const {
    return make_sink(std::move(head), asked.get());
  }
};

using Day = std::chrono::year_month_day;
Day today_of(const Clock& clock);  // in the machine's time zone

// `today`: for prompts that say it (schema/grounding.h).
using QuestionParser = Result<Question> (*)(std::string_view json, Day today);
Result<Question> parse_chat_question(std::string_view json, Day today);
Result<Question> parse_completion_question(std::string_view json, Day today);
Result<Question> parse_message_question(std::string_view json, Day today);   // Anthropic
Result<Question> parse_response_question(std::string_view json, Day today);  // OpenAI Responses
// TeleChat's contract: a stream is bare text. `seqid` names the answer.
Question telechat_question_of(schema::ChatRequest request, std::string seqid);

Question ollama_question(schema::ollama::Request request);

}  // namespace xc::gateway

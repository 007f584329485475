// POST /tokenize, /detokenize, /v1/messages/count_tokens.
#include <boost/json/parse.hpp>

#include "gateway/inquiry.h"
#include "schema/anthropic.h"
#include "schema/grounding.h"
#include "schema/openai.h"

namespace xc::gateway {
namespace {

// These two are our own routes: the worker's reply is the caller's.
Result<Finding> pass_on(std::string_view answer) { return Finding{std::string(answer), {}}; }

Result<Inquiry> parse_text(std::string_view json) {
  XC_TRY(const schema::TokenizeRequest request, schema::parse_tokenize(json));
  return Inquiry{{request.model, "/tokenize", schema::render(request), false}, &pass_on};
}

Result<Inquiry> parse_tokens(std::string_view json) {
  XC_TRY(const schema::DetokenizeRequest request, schema::parse_detokenize(json));
  return Inquiry{{request.model, "/detokenize", schema::render(request), false}, &pass_on};
}

// {"tokens":N} of the worker's /internal/count.
Result<Finding> read_count(std::string_view answer) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(answer, error);
  const boost::json::object* object = error ? nullptr : value.if_object();
  const boost::json::value* tokens = object == nullptr ? nullptr : object->if_contains("tokens");
  if (tokens == nullptr || !tokens->is_int64()) {
    return fail(Code::Upstream, Message::UpstreamFailed, {"count"});
  }
  return Finding{schema::anthropic::render_token_count(tokens->as_int64()), {}};
}

Result<Inquiry> parse_count(std::string_view json) {
  XC_TRY(schema::ChatRequest request, schema::anthropic::parse_count_tokens(json));
  // A prompt that says the day is as long on any.
  const std::chrono::year_month_day day(std::chrono::year(2026), std::chrono::month(1),
                                        std::chrono::day(1));
  XC_CHECK(schema::ground(request, day));
  return Inquiry{{request.model, "/internal/count", schema::render(request), false}, &read_count};
}

}  // namespace

Task<Status> tokenize(Call& call) { return inquire(call, &parse_text); }
Task<Status> detokenize(Call& call) { return inquire(call, &parse_tokens); }
Task<Status> count_tokens(Call& call) { return inquire(call, &parse_count); }

}  // namespace xc::gateway

#include <boost/json/monotonic_resource.hpp>

#include "base/limits.h"
#include "schema/json_reader.h"
#include "schema/openai.h"
#include "schema/request_fields.h"

namespace xc::schema {

Result<CompletionRequest> parse_completion(std::string_view json) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  CompletionRequest out;
  XC_TRY(out.model, read_model(body));
  XC_TRY(const JsonField prompt, body.need("prompt"));
  XC_TRY(out.prompts, read_prompts(prompt, limits::kPromptsMax));
  out.has_suffix = body.find("suffix").has_value();
  XC_CHECK(body.text("suffix", out.suffix));
  XC_CHECK(body.flag("echo", out.echo));
  XC_CHECK(read_sampling(body, out.sampling));
  XC_CHECK(read_speculation(body, out.speculation));
  // 0 is allowed here: with echo and logprobs it scores the prompt.
  XC_CHECK(body.integer("max_tokens", out.max_tokens, 0, limits::kMaxTokensMax));
  XC_CHECK(body.integer("n", out.n, 1, static_cast<int>(limits::kChoicesMax)));
  int best_of = out.n;
  XC_CHECK(body.integer("best_of", best_of, out.n, static_cast<int>(limits::kChoicesMax)));
  if (best_of > out.n) return fail_field("best_of", xc::Message::Unsupported, {"best_of > n"});
  XC_CHECK(read_stops(body, "stop", out.stop));
  XC_CHECK(read_stream(body, out.stream, out.include_usage));
  XC_CHECK(body.integer("logprobs", out.logprobs, 0, static_cast<int>(limits::kTopLogprobsMax)));
  XC_CHECK(body.flag("ignore_eos", out.ignore_eos));
  return out;
}

}  // namespace xc::schema

// POST /v1/rerank, /rerank.
#include <algorithm>
#include <utility>

#include "gateway/inquiry.h"
#include "schema/openai.h"

namespace xc::gateway {
namespace {

// An index that is not the caller's would read beyond its documents.
Status check(const schema::Ranking& ranking, const schema::RerankRequest& request) {
  const auto known = [&](const auto& entry) { return entry.first < request.documents.size(); };
  if (std::ranges::all_of(ranking.order, known)) return {};
  return fail(Code::Upstream, Message::UpstreamFailed, {"rerank index"});
}

Result<Inquiry> parse(std::string_view json) {
  XC_TRY(schema::RerankRequest request, schema::parse_rerank(json));
  Inquiry inquiry;
  inquiry.ask = {request.model, "/v1/rerank", schema::render(request), false};
  inquiry.estimate = estimate_of(request);
  inquiry.read = [request = std::move(request)](std::string_view answer) -> Result<Finding> {
    XC_TRY(const schema::Ranking ranking, schema::parse_ranking(answer));
    XC_CHECK(check(ranking, request));
    Finding finding;
    finding.body = schema::render_ranking(request.model, ranking, request);
    finding.usage.prompt_tokens = ranking.prompt_tokens;
    return finding;
  };
  return inquiry;
}

}  // namespace

Task<Status> rerank(Call& call) { return inquire(call, &parse); }

}  // namespace xc::gateway

// POST /v1/embeddings.
#include <utility>

#include "gateway/inquiry.h"
#include "schema/openai.h"

namespace xc::gateway {
namespace {

Result<Inquiry> parse(std::string_view json) {
  XC_TRY(schema::EmbeddingRequest request, schema::parse_embedding(json));
  // Between us and the endpoint always base64: exact, and a third of the bytes.
  const bool base64 = std::exchange(request.base64, true);
  Inquiry inquiry;
  inquiry.ask = {request.model, "/v1/embeddings", schema::render(request), false};
  inquiry.estimate = estimate_of(request);
  inquiry.read = [model = request.model, base64](std::string_view answer) -> Result<Finding> {
    XC_TRY(const schema::Embeddings vectors, schema::parse_embeddings(answer));
    Finding finding;
    finding.body = schema::render_embeddings(model, vectors, base64);
    finding.usage.prompt_tokens = vectors.prompt_tokens;
    return finding;
  };
  return inquiry;
}

}  // namespace

Task<Status> embeddings(Call& call) { return inquire(call, &parse); }

}  // namespace xc::gateway

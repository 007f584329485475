// The small requests: embeddings, rerank, tokenize, detokenize.
#include <boost/json/monotonic_resource.hpp>

#include "base/limits.h"
#include "schema/json_reader.h"
#include "schema/openai.h"
#include "schema/request_fields.h"

namespace xc::schema {
namespace {

constexpr int kDimensionsMax = 65'536;  // beyond any embedding

std::unexpected<Error> empty(const std::string& path) {
  return fail_field(path, xc::Message::PromptEmpty, {});
}

// A string, or {"text": "…"} as Cohere's multi-field documents have it.
Result<std::string> read_document(const JsonField& field) {
  if (field.value().is_object()) {
    XC_TRY(const JsonObject object, field.as_object());
    return object.need_text("text");
  }
  if (!field.value().is_string()) return field.wrong_type("string or object");
  XC_TRY(const std::string_view text, field.as_text());
  return std::string(text);
}

}  // namespace

Result<EmbeddingRequest> parse_embedding(std::string_view json) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  EmbeddingRequest out;
  XC_TRY(out.model, read_model(body));
  XC_TRY(const JsonField input, body.need("input"));
  XC_TRY(out.inputs, read_prompts(input, limits::kEmbeddingInputsMax));
  for (std::size_t i = 0; i < out.inputs.size(); ++i) {
    if (!out.inputs[i].text.empty() || !out.inputs[i].tokens.empty()) continue;
    return empty(input.value().is_array() ? "input[" + std::to_string(i) + "]" : "input");
  }
  if (const auto format = body.find("encoding_format")) {
    XC_TRY(const std::size_t kind, format->as_one_of({"float", "base64"}));
    out.base64 = kind == 1;
  }
  XC_CHECK(body.integer("dimensions", out.dimensions, 1, kDimensionsMax));
  return out;
}

Result<RerankRequest> parse_rerank(std::string_view json) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  RerankRequest out;
  XC_TRY(out.model, read_model(body));
  XC_TRY(out.query, body.need_text("query"));
  if (out.query.empty()) return empty("query");
  XC_TRY(const JsonArray documents, body.need_array("documents", limits::kRerankDocumentsMax));
  if (documents.size() == 0) return empty("documents");
  out.documents.reserve(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    XC_TRY(std::string text, read_document(documents.at(i)));
    out.documents.push_back(std::move(text));
  }
  XC_CHECK(body.integer("top_n", out.top_n, 1, limits::kMaxTokensMax));
  XC_CHECK(body.flag("return_documents", out.return_documents));
  return out;
}

Result<TokenizeRequest> parse_tokenize(std::string_view json) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  TokenizeRequest out;
  XC_TRY(out.model, read_model(body));
  // llama-server says content, add_special; vLLM says prompt, add_special_tokens.
  XC_TRY(out.text,
         body.need_text(body.find("prompt") && !body.find("content") ? "prompt" : "content"));
  XC_CHECK(body.flag("add_special_tokens", out.add_special));
  XC_CHECK(body.flag("add_special", out.add_special));
  XC_CHECK(body.flag("parse_special", out.parse_special));
  return out;
}

Result<DetokenizeRequest> parse_detokenize(std::string_view json) {
  boost::json::monotonic_resource memory;
  boost::json::value document(&memory);
  XC_TRY(const JsonObject body, read_body(json, document));
  DetokenizeRequest out;
  XC_TRY(out.model, read_model(body));
  XC_TRY(const JsonArray tokens, body.need_array("tokens", limits::kBodyBytesMax));
  XC_TRY(out.tokens, read_tokens(tokens));
  return out;
}

}  // namespace xc::schema

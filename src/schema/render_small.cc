// The small answers: embeddings, rerank, tokenize, detokenize.
#include <fmt/compile.h>
#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>

#include "schema/data_url.h"
#include "schema/openai.h"
#include "schema/render_parts.h"

namespace xc::schema {
namespace {

// Shortest text that reads back as the same float: half of what a double would take.
void append_float(std::string& out, float value) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), value);
  } else {
    out += "null";
  }
}

// Little-endian float32, as OpenAI sends it.
std::string base64_of_vector(const std::vector<float>& vector) {
  static_assert(std::endian::native == std::endian::little);
  return base64_of({reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)});
}

}  // namespace

void append_vector(std::string& out, const std::vector<float>& vector) {
  out.reserve(out.size() + vector.size() * 14);
  out += '[';
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    append_float(out, vector[i]);
  }
  out += ']';
}

std::string render_embeddings(std::string_view model, const Embeddings& answer, bool base64) {
  std::string out;
  JsonWriter w(out);
  w.text("object", "list");
  w.key("data") += '[';
  for (std::size_t i = 0; i < answer.vectors.size(); ++i) {
    if (i > 0) out += ',';
    JsonWriter item(out);
    item.text("object", "embedding");
    item.integer("index", static_cast<std::int64_t>(i));
    if (base64) {
      item.text("embedding", base64_of_vector(answer.vectors[i]));
    } else {
      append_vector(item.key("embedding"), answer.vectors[i]);
    }
    item.end();
  }
  out += ']';
  w.text("model", model);
  append_prompt_usage(w.key("usage"), answer.prompt_tokens);
  w.end();
  return out;
}

std::string render_ranking(std::string_view model, const Ranking& answer,
                           const RerankRequest& request) {
  const std::size_t wanted =
      request.top_n ? static_cast<std::size_t>(*request.top_n) : answer.order.size();
  std::string out;
  JsonWriter w(out);
  w.text("object", "list");
  w.text("model", model);
  append_prompt_usage(w.key("usage"), answer.prompt_tokens);
  w.key("results") += '[';
  for (std::size_t i = 0; i < answer.order.size() && i < wanted; ++i) {
    const auto [index, relevance] = answer.order[i];
    if (i > 0) out += ',';
    JsonWriter item(out);
    item.integer("index", static_cast<std::int64_t>(index));
    append_float(item.key("relevance_score"), relevance);
    // An endpoint may name a document that was never sent; then there is no text to return.
    if (request.return_documents && index < request.documents.size()) {
      JsonWriter document(item.key("document"));
      document.text("text", request.documents[index]);
      document.end();
    }
    item.end();
  }
  out += ']';
  w.end();
  return out;
}

std::string render_tokens(const std::vector<std::int32_t>& tokens) {
  std::string out;
  JsonWriter w(out);
  w.key("tokens") += '[';
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) out += ',';
    append_number(out, std::int64_t{tokens[i]});
  }
  out += ']';
  w.end();
  return out;
}

std::string render_text(std::string_view text) {
  std::string out;
  JsonWriter w(out);
  w.text("content", text);
  w.end();
  return out;
}

}  // namespace xc::schema

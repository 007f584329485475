// What endpoints answer whole: embeddings and rankings.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <cstring>

#include "base/limits.h"
#include "schema/data_url.h"
#include "schema/openai.h"
#include "schema/reply_parts.h"

namespace xc::schema {
namespace {

namespace json = boost::json;

std::unexpected<Error> no_answer(std::string reason) {
  return fail(Code::Upstream, xc::Message::UpstreamFailed, {"invalid answer"}, std::move(reason));
}

Result<std::vector<float>> vector_of_base64(std::string_view text) {
  const auto bytes = bytes_of_base64(text);
  if (!bytes || bytes->size() % sizeof(float) != 0) return no_answer("bad base64 embedding");
  std::vector<float> out(bytes->size() / sizeof(float));
  if (!out.empty()) std::memcpy(out.data(), bytes->data(), bytes->size());
  return out;
}

Result<std::vector<float>> vector_of(const json::object& item) {
  const std::string_view base64 = text_in(item, "embedding");
  if (!base64.empty()) return vector_of_base64(base64);
  const json::array* numbers = array_in(item, "embedding");
  if (numbers == nullptr) return no_answer("an item has no embedding");
  std::vector<float> out;
  out.reserve(numbers->size());
  for (const json::value& value : *numbers) {
    const std::optional<double> number = number_of(value);
    if (!number) return no_answer("an embedding holds what is no number");
    out.push_back(static_cast<float>(*number));
  }
  return out;
}

std::int64_t prompt_tokens_of(const json::object& answer) {
  const json::object* usage = object_in(answer, "usage");
  return usage != nullptr ? usage_of(*usage).prompt_tokens : 0;
}

}  // namespace

Result<Embeddings> parse_embeddings(std::string_view text) {
  json::monotonic_resource memory;
  XC_TRY(const json::object answer, read_reply(text, &memory));
  const json::array* data = array_in(answer, "data");
  if (data == nullptr) return no_answer("no data");
  if (data->size() > limits::kEmbeddingInputsMax) return no_answer("too many embeddings");
  Embeddings out;
  out.vectors.resize(data->size());
  for (std::size_t i = 0; i < data->size(); ++i) {
    const json::object* item = (*data)[i].if_object();
    if (item == nullptr) return no_answer("an item is not an object");
    const std::int64_t index = integer_in(*item, "index", static_cast<std::int64_t>(i));
    if (index < 0 || index >= static_cast<std::int64_t>(data->size())) {
      return no_answer("index out of range");
    }
    std::vector<float>& place = out.vectors[static_cast<std::size_t>(index)];
    if (!place.empty()) return no_answer("an index comes twice");
    XC_TRY(place, vector_of(*item));
  }
  out.prompt_tokens = prompt_tokens_of(answer);
  return out;
}

Result<Ranking> parse_ranking(std::string_view text) {
  json::monotonic_resource memory;
  XC_TRY(const json::object answer, read_reply(text, &memory));
  const json::array* results = array_in(answer, "results");
  if (results == nullptr) return no_answer("no results");
  if (results->size() > limits::kRerankDocumentsMax) return no_answer("too many results");
  Ranking out;
  for (const json::value& value : *results) {
    const json::object* item = value.if_object();
    if (item == nullptr) return no_answer("a result is not an object");
    const std::int64_t index = integer_in(*item, "index", -1);
    if (index < 0 || index >= static_cast<std::int64_t>(limits::kRerankDocumentsMax)) {
      return no_answer("index out of range");
    }
    const json::value* score = item->if_contains("relevance_score");
    if (score == nullptr) score = item->if_contains("score");  // TEI
    const std::optional<double> relevance = score != nullptr ? number_of(*score) : std::nullopt;
    if (!relevance) return no_answer("a result has no relevance_score");
    out.order.emplace_back(static_cast<std::size_t>(index), static_cast<float>(*relevance));
  }
  std::sort(out.order.begin(), out.order.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  out.prompt_tokens = prompt_tokens_of(answer);
  return out;
}

}  // namespace xc::schema

// What an endpoint may answer: chunks, embeddings, rankings, errors. No input breaks the readers,
// and the choices they name stay few enough to collect. What is read without a document is what
// the document says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "schema/openai.h"
#include "schema/plain_chunk.h"

namespace {

std::string shown(const std::vector<xc::schema::Delta>& deltas) {
  std::string out;
  for (const auto& delta : deltas) out += xc::schema::render_chat_chunk({}, delta, false);
  return out;
}

// An "error" of an odd kind says nothing, and is read with a document.
void compare_with_document(std::string_view text) {
  const auto plain = xc::schema::read_plain_chunk(text);
  if (!plain) return;
  std::string odd(text);
  odd.insert(odd.rfind('}'), R"(,"error":[])");
  const auto read = xc::schema::parse_chat_chunk(odd);
  if (!read || shown(*plain) != shown(*read)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::schema;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& deltas : {parse_chat_chunk(text), parse_completion_chunk(text)}) {
    if (!deltas) continue;
    Collector answer;
    for (const Delta& delta : *deltas) answer.add(delta);
    render_chat_reply({}, answer, true);
    render_completion_reply({}, answer, true);
  }
  compare_with_document(text);
  static_cast<void>(parse_embeddings(text));
  static_cast<void>(parse_ranking(text));
  render_error(parse_error(500, text), xc::Language::Zh, true);
  return 0;
}

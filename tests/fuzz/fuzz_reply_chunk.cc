// What an endpoint may answer: chunks, embeddings, rankings, errors. No input breaks the readers,
// and the choices they name stay few enough to collect.
#include <cstddef>
#include <cstdint>

#include "schema/openai.h"

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
  static_cast<void>(parse_embeddings(text));
  static_cast<void>(parse_ranking(text));
  render_error(parse_error(500, text), xc::Language::Zh, true);
  return 0;
}

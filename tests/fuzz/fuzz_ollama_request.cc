// The parsers of /api/…: no input breaks them, and what they take the worker's parser takes too.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "schema/ollama.h"
#include "schema/openai.h"

namespace {

void check(const xc::Result<xc::schema::ollama::Request>& request) {
  using namespace xc::schema;
  if (!request || request->empty) return;
  if (request->raw) {
    const auto again = parse_completion(render(*request->raw));
    XC_ASSERT(again && render(*again) == render(*request->raw));
    return;
  }
  const auto again = parse_chat(render(request->chat));
  // A schema stands one level deeper in OpenAI's form.
  XC_ASSERT(again || again.error().message == xc::Message::JsonTooDeep);
  XC_ASSERT(!again || render(*again) == render(request->chat));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::schema;
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  check(ollama::parse_chat(json));
  check(ollama::parse_generate(json));
  static_cast<void>(ollama::parse_embed(json));
  static_cast<void>(ollama::parse_embeddings(json));
  static_cast<void>(ollama::parse_show(json));
  static_cast<void>(ollama::duration_ms_of(json));
  return 0;
}

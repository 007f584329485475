// What models write: the parts do not depend on the cut, and no byte of an answer without calls and
// thoughts is lost. The first byte chooses form and cut.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "engine/core/output_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::engine;
  if (size == 0) return 0;
  OutputForm form = (data[0] & 1) != 0 ? deepseek_form() : hermes_form();
  form.thinks = (data[0] & 2) != 0;
  form.thinking = (data[0] & 6) == 6;
  if ((data[0] & 8) == 0) form.tools = {{"add", "", "{}", false}, {"a", "", "{}", false}};
  const std::size_t cut = 1 + (data[0] >> 4);
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  OutputParts whole;
  OutputReader one(form);
  one.add(text, whole);
  one.finish(whole);
  OutputParts parts;
  OutputReader many(form);
  for (std::size_t i = 0; i < text.size(); i += cut) many.add(text.substr(i, cut), parts);
  many.finish(parts);
  XC_ASSERT(whole.content == parts.content && whole.reasoning == parts.reasoning);
  XC_ASSERT(whole.calls.size() == parts.calls.size() && whole.unread_call == parts.unread_call);
  const bool plain = !form.thinks && whole.calls.empty() && form.around_calls.empty();
  XC_ASSERT(!plain || whole.content == text);
  return 0;
}

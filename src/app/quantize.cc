#include "app/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "app/terminal.h"
#include "catalog/file.h"
#include "catalog/gguf.h"
#include "engine/quantize.h"

namespace xc::app {
namespace {

// What has lost little so far. Anything smaller would lose twice.
constexpr std::array<std::string_view, 4> kSources{"F32", "F16", "BF16", "Q8_0"};

Status check_source(const std::string& input) {
  XC_TRY(const catalog::GgufHeader header, catalog::read_gguf(input));
  const std::string& kind = header.facts.quantization;
  if (std::ranges::find(kSources, kind) != kSources.end()) return {};
  return fail(Code::InvalidRequest, Message::QuantizeFailed,
              {input, fmt::format("it is {}, only F32, F16, BF16 and Q8_0 are quantised",
                                  kind.empty() ? "of an unknown type" : kind)});
}

}  // namespace

std::vector<std::string> quantize_type_names() {
  std::vector<std::string> names;
  for (const engine::QuantizeType& type : engine::kQuantizeTypes) names.emplace_back(type.name);
  return names;
}

bool is_quantize_type(const std::string& name) {
  return std::ranges::find(engine::kQuantizeTypes, name, &engine::QuantizeType::name) !=
         engine::kQuantizeTypes.end();
}

Status quantize_file(const std::string& input, const std::string& output, const std::string& type,
                     int threads, Language language) {
  if (catalog::stamp_of(output)) return fail(Code::Conflict, Message::OutputExists, {output});
  XC_CHECK(check_source(input));
  const std::string part = output + ".part";
  // Held until the end: the library opens the same file by its name.
  XC_TRY(catalog::File file, catalog::File::open_write(part));
  XC_TRY(const bool mine, file.try_lock());
  if (!mine) return fail(Code::Conflict, Message::ConvertBusy, {part});
  Status done = fail(Code::Cancelled, Message::ClientGone);
  {
    const InterruptFlag interrupt;
    ProgressBar bar(say<texts::Quantizing>(language, output));
    done = engine::quantize({input, part, type, threads}, [&bar](int tensor, int tensors) {
      bar.update(static_cast<std::uint64_t>(tensor), static_cast<std::uint64_t>(tensors));
      return !InterruptFlag::raised();
    });
  }
  if (done) done = file.sync();
  if (done) {
    const std::string folder = std::filesystem::path(output).parent_path().string();
    done = catalog::rename_synced(part, folder.empty() ? "./" + output : output);
  }
  if (!done) catalog::remove_quietly(part);
  return done;
}

}  // namespace xc::app

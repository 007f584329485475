#include <fmt/format.h>

#include <filesystem>

#include "app/command.h"
#include "app/terminal.h"
#include "convert/convert.h"

namespace xc::app {
namespace {

struct ConvertFlags {
  std::string folder, output, type = "f16", pre;
  int context = 0;
  bool without_mtp = false;
};

// "DIR/TeleChat2-7B" → "TeleChat2-7B-f16.gguf" in the current folder.
std::string output_name(const ConvertFlags& flags) {
  std::error_code error;
  const auto folder = std::filesystem::weakly_canonical(flags.folder, error);
  return fmt::format("{}-{}.gguf", folder.filename().string(), flags.type);
}

Result<int> convert_model(const Surroundings& here, const ConvertFlags& flags) {
  convert::ConvertOptions options;
  options.folder = flags.folder;
  options.output = flags.output.empty() ? output_name(flags) : flags.output;
  options.type = flags.type;
  options.context = static_cast<std::uint32_t>(flags.context);
  options.with_mtp = !flags.without_mtp;
  options.pre = flags.pre;
  options.version = XC_VERSION;
  Result<convert::Converted> done = fail(Code::Cancelled, Message::ClientGone);
  {
    const InterruptFlag interrupt;
    ProgressBar digests(say<texts::Digesting>(here.language, flags.folder));
    std::optional<ProgressBar> bar;
    done = convert::convert(options, [&](convert::Phase phase, std::uint64_t n, std::uint64_t all) {
      if (phase == convert::Phase::Write && !bar) {
        digests.finish();
        bar.emplace(say<texts::Converting>(here.language, options.output));
      }
      (bar ? *bar : digests).update(n, all);
      return !InterruptFlag::raised();
    });
  }
  if (!done) {
    if (done.error().code == Code::Cancelled) {
      fmt::print(stderr, "{}\n", texts::ConvertStopped.in(here.language));
    }
    return std::unexpected(std::move(done.error()));
  }
  for (const std::string& note : done->notes) {
    fmt::print("{}\n", say<texts::ConvertNote>(here.language, note));
  }
  fmt::print("{}\n", say<texts::ConvertDone>(here.language, done->path, bytes_text(done->bytes),
                                             done->family, done->architecture, done->path));
  return kExitFine;
}

}  // namespace

Command convert_command() {
  const auto flags = std::make_shared<ConvertFlags>();
  Command command{"convert", texts::HelpConvert};
  command.options = {
      {.name = "DIR",
       .value = "DIR",
       .help = texts::HelpConvertFolder,
       .target = &flags->folder,
       .required = true,
       .complete = Complete::File},
      {.name = "-o,--output",
       .value = "FILE",
       .help = texts::HelpConvertOutput,
       .target = &flags->output,
       .complete = Complete::File},
      {.name = "--type",
       .value = "TYPE",
       .help = texts::HelpConvertType,
       .target = &flags->type,
       .choices = {"f32", "f16", "bf16", "q8_0"}},
      {.name = "--context",
       .value = "N",
       .help = texts::HelpConvertContext,
       .target = &flags->context,
       .low = 1,
       .high = 1 << 30},
      {.name = "--no-mtp",
       .value = "",
       .help = texts::HelpConvertNoMtp,
       .target = &flags->without_mtp},
      {.name = "--pre", .value = "NAME", .help = texts::HelpConvertPre, .target = &flags->pre}};
  command.run = [flags](const Surroundings& here) { return convert_model(here, *flags); };
  return command;
}

}  // namespace xc::app

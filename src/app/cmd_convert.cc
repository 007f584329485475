#include <fmt/format.h>

#include <filesystem>

#include "app/command.h"
#include "app/licence.h"
#include "app/quantize.h"
#include "app/terminal.h"
#include "catalog/file.h"
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

convert::ConvertOptions options_of(const ConvertFlags& flags, std::string output,
                                   std::string type) {
  convert::ConvertOptions options;
  options.folder = flags.folder;
  options.output = std::move(output);
  options.type = std::move(type);
  options.context = static_cast<std::uint32_t>(flags.context);
  options.with_mtp = !flags.without_mtp;
  options.pre = flags.pre;
  options.version = XC_VERSION;
  return options;
}

// The terms are shown before the work; they are accepted when the file is imported.
std::function<void(const std::string&)> shows_terms(const Surroundings& here, std::string name) {
  return [&here, name = std::move(name)](const std::string& licence) {
    const Result<catalog::PlanLicence> terms = terms_of(here, licence);
    if (terms) show_terms(here.language, name, *terms);
  };
}

Result<convert::Converted> convert_to(const Surroundings& here, convert::ConvertOptions options) {
  options.on_licence = shows_terms(here, options.folder);
  const InterruptFlag interrupt;
  ProgressBar bar(say<texts::Converting>(here.language, options.output));
  return convert::convert(options, [&bar](std::uint64_t done, std::uint64_t all) {
    bar.update(done, all);
    return !InterruptFlag::raised();
  });
}

// f16, bf16 … at once; K-quants through a 16-bit file beside the output, which goes afterwards.
Result<convert::Converted> write_model(const Surroundings& here, const ConvertFlags& flags,
                                       const std::string& output) {
  if (flags.type == "q8_0" || !is_quantize_type(flags.type)) {
    return convert_to(here, options_of(flags, output, flags.type));
  }
  if (catalog::stamp_of(output)) return fail(Code::Conflict, Message::OutputExists, {output});
  XC_TRY(std::string type, convert::nearest_type(flags.folder));
  const std::string between = fmt::format("{}.{}", output, type);
  catalog::remove_quietly(between);  // of a run that was ended while it quantised
  XC_TRY(convert::Converted done, convert_to(here, options_of(flags, between, type)));
  const Status quantized = quantize_file(between, output, flags.type, 0, here.language);
  catalog::remove_quietly(between);
  if (!quantized) return std::unexpected(quantized.error());
  XC_TRY(const catalog::FileStamp stamp, catalog::stamp_of(output));
  done.path = output;
  done.bytes = stamp.bytes;
  return done;
}

Result<int> convert_model(const Surroundings& here, const ConvertFlags& flags) {
  const std::string output = flags.output.empty() ? output_name(flags) : flags.output;
  const Result<convert::Converted> done = write_model(here, flags, output);
  if (!done) {
    if (done.error().code == Code::Cancelled) {
      fmt::print(stderr, "{}\n", texts::ConvertStopped.in(here.language));
    }
    return std::unexpected(done.error());
  }
  for (const std::string& note : done->notes) {
    fmt::print("{}\n", say<texts::ConvertNote>(here.language, note));
  }
  fmt::print("{}\n", say<texts::ConvertDone>(here.language, done->path, bytes_text(done->bytes),
                                             done->family, done->architecture, done->path));
  return kExitFine;
}

std::vector<std::string> types() {
  std::vector<std::string> names{"f32", "f16", "bf16", "q8_0"};
  for (std::string& name : quantize_type_names()) {
    if (name != "q8_0") names.push_back(std::move(name));
  }
  return names;
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
       .choices = types()},
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

#include <fmt/format.h>

#include <filesystem>

#include "app/command.h"
#include "app/quantize.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

struct QuantizeFlags {
  std::string input, output, type = "q4_k_m";
  int threads = 0;
};

Result<int> quantize(const Surroundings& here, const QuantizeFlags& flags) {
  XC_CHECK(quantize_file(flags.input, flags.output, flags.type, flags.threads, here.language));
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(flags.output, failed);
  fmt::print("{}\n", say<texts::QuantizeDone>(here.language, flags.output, flags.type,
                                              bytes_text(failed ? 0 : bytes), flags.output));
  return kExitFine;
}

}  // namespace

Command quantize_command() {
  const auto flags = std::make_shared<QuantizeFlags>();
  Command command{"quantize", texts::HelpQuantize};
  command.options = {
      {.name = "IN",
       .value = "IN",
       .help = texts::HelpQuantizeIn,
       .target = &flags->input,
       .required = true,
       .complete = Complete::File},
      {.name = "OUT",
       .value = "OUT",
       .help = texts::HelpQuantizeOut,
       .target = &flags->output,
       .required = true,
       .complete = Complete::File},
      {.name = "--type",
       .value = "TYPE",
       .help = texts::HelpQuantizeType,
       .target = &flags->type,
       .choices = quantize_type_names(),
       .note = [](Language language) { return say<texts::DefaultIs>(language, "q4_k_m"); }},
      {.name = "--threads",
       .value = "N",
       .help = texts::HelpQuantizeThreads,
       .target = &flags->threads,
       .low = 1,
       .high = 1024}};
  command.run = [flags](const Surroundings& here) { return quantize(here, *flags); };
  return command;
}

}  // namespace xc::app

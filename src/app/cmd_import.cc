#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "app/command.h"
#include "app/terminal.h"
#include "catalog/model_store.h"

namespace xc::app {
namespace {

struct ImportFlags {
  std::string path, name, projector, adapter_of;
};

// "Qwen2.5-7B.Q4_K_M.gguf" → "qwen2.5-7b.q4_k_m", when no name was given.
std::string name_from(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

Result<int> import_model(const Surroundings& here, const ImportFlags& flags) {
  XC_CHECK(make_folders(here.home));
  catalog::ModelStore store(here.home.models());
  const std::string name = flags.name.empty() ? name_from(flags.path) : flags.name;
  Result<catalog::InstalledModel> model = fail(Code::Cancelled, Message::ClientGone);
  {
    const InterruptFlag interrupt;
    ProgressBar bar(say<texts::Importing>(here.language, name));
    const auto progress = [&bar](std::uint64_t done, std::uint64_t total) {
      bar.update(done, total);
      return !InterruptFlag::raised();
    };
    model = flags.adapter_of.empty()
                ? store.import_file(flags.path, name, flags.projector, progress)
                : store.import_adapter(flags.path, flags.adapter_of, name, progress);
  }
  if (!model) return std::unexpected(std::move(model.error()));
  if (!model->licence.empty()) {
    fmt::print("{}\n", say<texts::LicenceOf>(here.language, model->name, model->licence, ""));
  }
  fmt::print("{}\n",
             say<texts::Pulled>(here.language, model->name, bytes_text(model->bytes), model->name));
  return kExitFine;
}

}  // namespace

Command import_command() {
  const auto flags = std::make_shared<ImportFlags>();
  Command command{"import", texts::HelpImport};
  command.options = {
      {.name = "PATH",
       .value = "PATH",
       .help = texts::HelpImportPath,
       .target = &flags->path,
       .required = true,
       .complete = Complete::File},
      {.name = "--name", .value = "NAME", .help = texts::HelpImportName, .target = &flags->name},
      {.name = "--adapter-of",
       .value = "MODEL",
       .help = texts::HelpImportAdapter,
       .target = &flags->adapter_of,
       .complete = Complete::Model},
      {.name = "--projector",
       .value = "FILE",
       .help = texts::HelpImportProjector,
       .target = &flags->projector,
       .complete = Complete::File}};
  command.run = [flags](const Surroundings& here) { return import_model(here, *flags); };
  return command;
}

}  // namespace xc::app

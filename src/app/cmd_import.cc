#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "app/command.h"
#include "app/licence.h"
#include "app/terminal.h"
#include "catalog/model_store.h"

namespace xc::app {
namespace {

struct ImportFlags {
  std::string path, name, projector, adapter_of;
  bool yes = false;
};

// "Qwen2.5-7B.Q4_K_M.gguf" → "qwen2.5-7b.q4_k_m", when no name was given.
std::string name_from(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

// What the file says of its licence; a file that cannot be read is the import's to refuse.
Result<std::optional<catalog::LicenceAccepted>> accept_licence(const Surroundings& here,
                                                               const catalog::ModelStore& store,
                                                               const std::string& name,
                                                               const ImportFlags& flags) {
  std::optional<catalog::LicenceAccepted> none;
  const Result<catalog::GgufHeader> header = catalog::read_gguf(flags.path);
  if (!header || header->facts.licence.empty()) return none;
  XC_TRY(const catalog::PlanLicence terms, terms_of(here, header->facts.licence));
  return accept_terms(here.language, store, name, terms, flags.yes);
}

Result<int> import_model(const Surroundings& here, const ImportFlags& flags) {
  XC_CHECK(make_folders(here.home));
  catalog::ModelStore store(here.home.models());
  const std::string name = flags.name.empty() ? name_from(flags.path) : flags.name;
  XC_TRY(auto accepted, accept_licence(here, store, name, flags));
  Result<catalog::InstalledModel> model = fail(Code::Cancelled, Message::ClientGone);
  {
    const InterruptFlag interrupt;
    ProgressBar bar(say<texts::Importing>(here.language, name));
    const auto progress = [&bar](std::uint64_t done, std::uint64_t total) {
      bar.update(done, total);
      return !InterruptFlag::raised();
    };
    model = flags.adapter_of.empty() ? store.import_file(flags.path, name, flags.projector,
                                                         progress, std::move(accepted))
                                     : store.import_adapter(flags.path, flags.adapter_of, name,
                                                            progress, std::move(accepted));
  }
  if (!model) return std::unexpected(std::move(model.error()));
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
       .complete = Complete::File},
      {.name = "-y,--yes", .value = "", .help = texts::HelpYes, .target = &flags->yes}};
  command.run = [flags](const Surroundings& here) { return import_model(here, *flags); };
  return command;
}

}  // namespace xc::app

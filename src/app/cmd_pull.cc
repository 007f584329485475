#include <fmt/format.h>

#include "app/command.h"
#include "app/pull.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

struct PullFlags {
  std::string name;
  bool yes = false;
};

Result<int> pull(const Surroundings& here, const PullFlags& flags) {
  XC_TRY(const catalog::InstalledModel model, pull_model(here, flags.name, flags.yes));
  fmt::print("{}\n",
             say<texts::Pulled>(here.language, model.name, bytes_text(model.bytes), model.name));
  return kExitFine;
}

}  // namespace

Command pull_command() {
  const auto flags = std::make_shared<PullFlags>();
  Command command{"pull", texts::HelpPull};
  command.options.push_back({.name = "NAME",
                             .value = "NAME",
                             .help = texts::HelpPullName,
                             .target = &flags->name,
                             .required = true,
                             .complete = Complete::CatalogueName});
  command.options.push_back(
      {.name = "-y,--yes", .value = "", .help = texts::HelpYes, .target = &flags->yes});
  command.run = [flags](const Surroundings& here) { return pull(here, *flags); };
  return command;
}

}  // namespace xc::app

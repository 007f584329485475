#include <fmt/format.h>

#include "app/command.h"
#include "app/running_models.h"

namespace xc::app {
namespace {

using Names = std::vector<std::string>;

Result<int> stop(const Surroundings& here, const Names& names) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const ApiClient api(std::move(credentials), here.language);
  for (const std::string& name : names) {
    XC_CHECK(stop_model(api, name));
    fmt::print("{}\n", say<texts::Stopped>(here.language, name));
  }
  return kExitFine;
}

Result<int> restart(const Surroundings& here, const Names& names) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const ApiClient api(std::move(credentials), here.language);
  for (const std::string& name : names) {
    XC_CHECK(restart_model(api, name));
    fmt::print("{}\n", say<texts::Restarted>(here.language, name));
  }
  return kExitFine;
}

// A command that does one thing to each of the models named.
Command on_models(Command command, Result<int> (*work)(const Surroundings&, const Names&)) {
  const auto names = std::make_shared<Names>();
  command.options = {{.name = "MODEL",
                      .value = "MODEL",
                      .help = texts::HelpModel,
                      .target = names.get(),
                      .required = true,
                      .complete = Complete::Model}};
  command.run = [names, work](const Surroundings& here) { return work(here, *names); };
  return command;
}

}  // namespace

Command stop_command() { return on_models({"stop", texts::HelpStop}, &stop); }
Command restart_command() { return on_models({"restart", texts::HelpRestart}, &restart); }

}  // namespace xc::app

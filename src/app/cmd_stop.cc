#include <fmt/format.h>

#include "app/command.h"
#include "app/running_models.h"

namespace xc::app {
namespace {

Result<int> stop(const Surroundings& here, const std::vector<std::string>& names) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const ApiClient api(std::move(credentials), here.language);
  for (const std::string& name : names) {
    XC_CHECK(stop_model(api, name));
    fmt::print("{}\n", say<texts::Stopped>(here.language, name));
  }
  return kExitFine;
}

}  // namespace

Command stop_command() {
  const auto names = std::make_shared<std::vector<std::string>>();
  Command command{"stop", texts::HelpStop};
  command.options = {{.name = "MODEL",
                      .value = "MODEL",
                      .help = texts::HelpModel,
                      .target = names.get(),
                      .required = true,
                      .complete = Complete::Model}};
  command.run = [names](const Surroundings& here) { return stop(here, *names); };
  return command;
}

}  // namespace xc::app

#include <fmt/format.h>

#include "app/api_client.h"
#include "app/command.h"
#include "app/running_models.h"
#include "app/terminal.h"
#include "catalog/model_store.h"

namespace xc::app {
namespace {

struct RmFlags {
  std::vector<std::string> names;
  bool yes = false;
};

// A model that answers requests just now stays; a server that is not there has none.
bool is_busy(const Surroundings& here, const std::string& name) {
  const Result<Credentials> credentials = credentials_of(here.home);
  if (!credentials || credentials->key.empty() || !is_local_url(credentials->url)) return false;
  const ApiClient api(*credentials, here.language);
  const Result<std::vector<RunningModel>> running = running_models(api);
  if (!running) return false;
  for (const RunningModel& model : *running) {
    if (model.name == name && model.in_flight > 0) return true;
  }
  return false;
}

Status remove_one(const Surroundings& here, const std::string& name, bool yes) {
  catalog::ModelStore store(here.home.models());
  XC_TRY(const catalog::InstalledModel model, store.find(name));
  if (is_busy(here, model.name)) return fail(Code::Conflict, Message::ModelBusy, {model.name});
  const std::string question =
      say<texts::AskRemove>(here.language, model.name, bytes_text(model.bytes));
  if (!yes && !confirm(question, here.language, true)) {
    return fail(Code::Cancelled, Message::ClientGone);
  }
  XC_CHECK(store.remove(model.name));
  fmt::print("{}\n", say<texts::Removed>(here.language, model.name));
  return {};
}

Result<int> rm(const Surroundings& here, const RmFlags& flags) {
  for (const std::string& name : flags.names) XC_CHECK(remove_one(here, name, flags.yes));
  return kExitFine;
}

}  // namespace

Command rm_command() {
  const auto flags = std::make_shared<RmFlags>();
  Command command{"rm", texts::HelpRm};
  command.options = {
      {.name = "MODEL",
       .value = "MODEL",
       .help = texts::HelpModel,
       .target = &flags->names,
       .required = true,
       .complete = Complete::Model},
      {.name = "-y,--yes", .value = "", .help = texts::HelpYes, .target = &flags->yes}};
  command.run = [flags](const Surroundings& here) { return rm(here, *flags); };
  return command;
}

}  // namespace xc::app

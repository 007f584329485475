#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "app/serve_config.h"
#include "app/wiring.h"
#include "base/limits.h"
#include "identity/quota_lease_rows.h"
#include "secrets/rotation.h"
#include "store/home_lock.h"

namespace xc::app {
namespace {

// A rename would put a file in the place of a symbolic link.
Result<std::string> real_path(const std::string& path) {
  std::error_code missing;
  const std::filesystem::path real = std::filesystem::canonical(path, missing);
  if (missing) return fail(Code::NotFound, Message::FileMissing, {path});
  return real.string();
}

// They have the key of before in memory, or in a file of their own.
Status check_no_gateway(store::Database& database) {
  if (!database.is_shared()) return {};
  XC_TRY(const std::vector<std::string> running, identity::lease_rows::running(database));
  if (running.empty()) return {};
  return fail(Code::Conflict, Message::GatewaysRun,
              {secrets::names_of(running), std::to_string(limits::kLeaseLife.count())});
}

Result<int> rotate(const Surroundings& here) {
  XC_TRY(const Config config, load_config(config_source_of(here)));
  XC_TRY(const std::string path, real_path(master_key_of(config, here.home)));
  XC_CHECK(make_folders(here.home));
  XC_TRY(const store::HomeLock lock, store::HomeLock::take(here.home.lock()));
  XC_TRY(const auto database, store::Database::open(database_of(config, here.home)));
  XC_CHECK(check_no_gateway(*database));
  SystemRandom random;
  XC_TRY(const secrets::Rotation done, secrets::rotate(path, *database, sealed_columns(), random));
  if (done.resumed) fmt::print("{}\n", texts::SecretsResumed.in(here.language));
  fmt::print("{}\n", say<texts::SecretsRotated>(here.language, path, done.sealed));
  return kExitFine;
}

}  // namespace

Command secrets_command() {
  Command one{"rotate", texts::HelpSecretsRotate};
  one.run = [](const Surroundings& here) { return rotate(here); };
  Command command{"secrets", texts::HelpSecrets};
  command.commands = {one};
  return command;
}

}  // namespace xc::app

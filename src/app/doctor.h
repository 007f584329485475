// The checks of `xingcha doctor`, each a line with a verdict.
#pragma once

#include <string>
#include <vector>

#include "app/command.h"
#include "app/config.h"

namespace xc::app {

enum class Verdict : std::uint8_t { Fine, Warn, Bad };

struct Check {
  std::string id;  // for scripts: "cpu", "model:NAME"
  std::string title;
  Verdict verdict = Verdict::Fine;
  std::string text;
};
using Checks = std::vector<Check>;

// Processor, model libraries, memory, disk.
void check_machine(const Surroundings& here, Checks& checks);
// Home, configuration, TLS files. Gives the configuration when it is valid.
std::optional<Config> check_home(const Surroundings& here, Checks& checks);
// Address and server.
void check_server(const Surroundings& here, const Config& config, Checks& checks);
// Certificates, database, audit log, clock, receivers of alarms, active alarms; `verify` reads the
// whole audit log.
void check_operations(const Surroundings& here, const Config& config, bool verify, Checks& checks);
// The master key file, and whether it opens what is sealed in the database.
void check_secrets(const Surroundings& here, const Config& config, Checks& checks);
// Whether single sign-on, when it is configured, would work: asks the provider.
void check_login(const Surroundings& here, const Config& config, Checks& checks);
// Every installed model; `verify` reads the files whole.
void check_models(const Surroundings& here, bool verify, Checks& checks);
// Proxy variables and mirrors that pulls will use.
void check_proxies(const Surroundings& here, Checks& checks);

}  // namespace xc::app

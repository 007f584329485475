#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

#include "app/command.h"
#include "app/credentials.h"
#include "app/serve_config.h"
#include "app/settings.h"
#include "app/terminal.h"
#include "app/wiring.h"
#include "base/log.h"
#include "net/address.h"

namespace xc::app {
namespace {

struct ServeFlags {
  std::string config;
  bool print_config = false;
  std::vector<std::optional<std::string>> settings;  // one a row of the table
};

void announce(const Platform& platform, const Config& config, const Surroundings& here) {
  const Language language = here.language;
  const std::string url = platform.url();
  if (!url.starts_with("unix:")) fmt::print("{}\n", say<texts::ConsoleAt>(language, url + "/"));
  if (platform.first_key()) {
    fmt::print("{}\n", say<texts::FirstKey>(language, *platform.first_key()));
    // Only where a person reads: a link with the key does not belong into collected logs.
    if (is_terminal(STDOUT_FILENO)) {
      fmt::print("{}\n", say<texts::DirectLink>(language, url + "/#key=" + *platform.first_key()));
    }
  }
  if (::access(here.home.credentials().c_str(), F_OK) == 0) {
    fmt::print("{}\n", say<texts::KeyIsIn>(language, here.home.credentials()));
  } else {
    fmt::print("{}\n", say<texts::NoCredentials>(language, here.home.credentials()));
  }
  std::fflush(stdout);
  const auto address = net::Address::parse(config.listen);
  if (config.tls_certificate.empty() && address && !address->is_loopback()) {
    fmt::print(stderr, "{}\n", say<texts::InsecureWarning>(language, config.listen));
  }
}

Result<int> serve(const Surroundings& here, const ServeFlags& flags) {
  ConfigSource source = config_source_of(here);
  if (!flags.config.empty()) {
    source.path = flags.config;
    source.path_required = true;
  }
  for (std::size_t i = 0; i < flags.settings.size(); ++i) {
    if (!flags.settings[i]) continue;
    source.flags[std::string(all_settings()[i].name)] = *flags.settings[i];
  }
  XC_TRY(const Config config, load_config(source));
  if (flags.print_config) {
    fmt::print("{}", print_config(config, here.language));
    return kExitFine;
  }
  log::open(level_of(config.log_level), config.log_json);
  XC_TRY(const std::unique_ptr<Platform> platform, Platform::open(config, source, here));
  announce(*platform, config, here);
  platform->run();
  return kExitFine;
}

std::string note_of(const Setting& setting, Language language) {
  const std::string variable = say<texts::Variable>(language, setting.variable);
  if (setting.otherwise.empty()) return variable;
  return say<texts::DefaultIs>(language, setting.otherwise) +
         (language == Language::Zh ? "；" : "; ") + variable;
}

std::string value_label(const Setting& setting) {
  switch (setting.kind) {
    case Setting::Kind::Address:
      return "HOST:PORT";
    case Setting::Kind::Path:
      return "FILE";
    case Setting::Kind::Integer:
      return "N";
    case Setting::Kind::List:
      return "NAME,…";
    case Setting::Kind::Flag:
      return "";
    case Setting::Kind::Choice:
      return "NAME";
    case Setting::Kind::Text:
      break;
  }
  return "TEXT";
}

Option option_of(const Setting& setting, std::optional<std::string>& into) {
  Option option;
  option.name = setting.flag;
  option.value = value_label(setting);
  option.help = setting.help;
  option.target = &into;
  option.note = [&setting](Language language) { return note_of(setting, language); };
  std::istringstream choices{std::string(setting.choices)};
  for (std::string choice; choices >> choice;) option.choices.push_back(choice);
  if (setting.kind == Setting::Kind::Path) option.complete = Complete::File;
  if (setting.kind == Setting::Kind::List) option.complete = Complete::Model;
  return option;
}

}  // namespace

ConfigSource config_source_of(const Surroundings& here) {
  ConfigSource source;
  source.path = here.home.config();
  source.root = here.home.root;
  source.variables = variable;
  source.language = here.language;
  return source;
}

Command serve_command() {
  const auto flags = std::make_shared<ServeFlags>();
  flags->settings.resize(all_settings().size());
  Command command{"serve", texts::HelpServe};
  command.options.push_back({.name = "--config",
                             .value = "FILE",
                             .help = texts::HelpServeConfig,
                             .target = &flags->config,
                             .complete = Complete::File});
  command.options.push_back({.name = "--print-config",
                             .value = "",
                             .help = texts::HelpServePrint,
                             .target = &flags->print_config});
  for (std::size_t i = 0; i < flags->settings.size(); ++i) {
    command.options.push_back(option_of(all_settings()[i], flags->settings[i]));
  }
  command.run = [flags](const Surroundings& here) { return serve(here, *flags); };
  return command;
}

}  // namespace xc::app

// The one table of settings: name (also the path in config.toml), flag, variable, kind, default,
// help. Parser, flags, help and the printed config.toml are made from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/config.h"
#include "app/text.h"

namespace xc::app {

using ConfigField = std::variant<std::string Config::*, int Config::*, bool Config::*,
                                 std::vector<std::string> Config::*, std::string ModelSettings::*,
                                 int ModelSettings::*>;

struct Setting {
  enum class Kind : std::uint8_t { Text, Address, Path, Choice, Integer, Flag, List } kind;
  std::string_view name;       // "models.context"
  std::string_view flag;       // "--context"
  std::string_view variable;   // "XINGCHA_CONTEXT"
  std::string_view otherwise;  // the default, as text
  ConfigField field;
  Bilingual help;
  int low = 0, high = 0;          // Integer
  std::string_view choices = {};  // Choice: separated by spaces

  bool per_model() const;          // may stand in [model."name"]
  std::string_view key() const;    // last part of the name
  std::string_view table() const;  // the part before, may be empty
  bool is_secret() const;          // its value is shown to nobody
};

std::span<const Setting> all_settings();
std::span<const Setting> login_settings();       // a part of them
std::span<const Setting> operations_settings();  // the last part of them
const Setting* find_setting(std::string_view name);

// Parses `text` and puts it into the configuration. `where` names the origin in the error
// ("--context", "XINGCHA_CONTEXT", "config.toml:3 models.context"). Error: BadSetting.
Status put_setting(const Setting& setting, std::string_view text, const std::string& where,
                   Language language, Config& config, ModelSettings& models);
// The value in force, as TOML.
std::string toml_of(const Setting& setting, const Config& config, const ModelSettings& models);
// A TOML basic string with its quotes.
std::string toml_quoted(std::string_view text);

}  // namespace xc::app

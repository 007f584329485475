// What happens when config.toml is read again while the server runs: which settings are in force at
// once and which wait for a restart. Pure.
#pragma once

#include <string>
#include <vector>

#include "app/config.h"
#include "app/settings.h"

namespace xc::app {

struct ConfigChange {
  std::string setting;  // "log.level", or "model.NAME" for what is said of one model
  bool live = false;    // else: at the next restart
};

// Whether a change of the setting is put in force without a restart. Settings of models hold for
// workers that start from then on.
bool is_live(const Setting& setting);
// In the order of the table.
std::vector<ConfigChange> changes_between(const Config& running, const Config& fresh);
// `running` with the live settings of `fresh`.
Config with_live_settings(const Config& running, const Config& fresh);
// "postgresql://user:secret@host/db" without what stands before the '@'.
std::string without_userinfo(std::string url);
// A setting's value for people and the admin API: secrets are hidden, and what stands before the
// '@' of an address.
std::string shown_value(const Setting& setting, const Config& config);

}  // namespace xc::app

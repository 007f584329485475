#include "app/config_reload.h"

#include <algorithm>
#include <set>

namespace xc::app {
namespace {

// By name or by table ("models."). Everything else is built into what runs.
constexpr std::string_view kLive[] = {"log.level", "tls.",    "endpoint_tls.",
                                      "models.",   "alarms.", "audit.retention_days"};
constexpr std::string_view kNotLive[] = {"models.preload", "alarms.webhook",
                                         "alarms.webhook_secret", "alarms.syslog"};

bool tls_on(const Config& config) { return !config.tls_certificate.empty(); }

bool same(const Setting& setting, const Config& a, const Config& b) {
  return toml_of(setting, a, a.models) == toml_of(setting, b, b.models);
}

void copy(const Setting& setting, const Config& from, Config& to) {
  std::visit(
      [&]<typename C, typename F>(F C::* member) {
        if constexpr (std::is_same_v<C, Config>) {
          to.*member = from.*member;
        } else {
          to.models.*member = from.models.*member;
        }
      },
      setting.field);
}

// TLS cannot come or go under a listener.
bool live_between(const Setting& setting, const Config& running, const Config& fresh) {
  if (setting.table() == "tls" && tls_on(running) != tls_on(fresh)) return false;
  return is_live(setting);
}

std::string model_text(const Config& config, const std::string& model) {
  std::string text;
  for (const Setting& setting : all_settings()) {
    if (setting.per_model()) text += toml_of(setting, config, config.settings_of(model)) + "\n";
  }
  return text;
}

}  // namespace

bool is_live(const Setting& setting) {
  if (std::ranges::find(kNotLive, setting.name) != std::end(kNotLive)) return false;
  return std::ranges::any_of(kLive, [&setting](std::string_view live) {
    return live.ends_with('.') ? setting.name.starts_with(live) : setting.name == live;
  });
}

std::vector<ConfigChange> changes_between(const Config& running, const Config& fresh) {
  std::vector<ConfigChange> changes;
  for (const Setting& setting : all_settings()) {
    if (same(setting, running, fresh)) continue;
    changes.push_back({std::string(setting.name), live_between(setting, running, fresh)});
  }
  std::set<std::string> models;
  for (const auto& [model, settings] : running.overrides) models.insert(model);
  for (const auto& [model, settings] : fresh.overrides) models.insert(model);
  for (const std::string& model : models) {
    if (model_text(running, model) != model_text(fresh, model)) {
      changes.push_back({"model." + model, true});
    }
  }
  return changes;
}

Config with_live_settings(const Config& running, const Config& fresh) {
  Config merged = running;
  for (const Setting& setting : all_settings()) {
    if (live_between(setting, running, fresh)) copy(setting, fresh, merged);
  }
  merged.overrides = fresh.overrides;
  return merged;
}

std::string without_userinfo(std::string url) {
  const std::size_t scheme = url.find("://");
  const std::size_t at = url.rfind('@');
  if (scheme == std::string::npos || at == std::string::npos || at < scheme) return url;
  return url.replace(scheme + 3, at - scheme - 3, "***");
}

std::string shown_value(const Setting& setting, const Config& config) {
  std::string value = toml_of(setting, config, config.models);
  if (setting.is_secret() && value != "\"\"") return "\"***\"";
  value = without_userinfo(std::move(value));
  const std::size_t scheme = value.find("://");
  const std::size_t query = value.find('?');  // robots of chat services carry their token there
  if (scheme != std::string::npos && query != std::string::npos) {
    value.replace(query + 1, value.size() - query - 2, "***");
  }
  return value;
}

}  // namespace xc::app

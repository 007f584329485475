#include "app/config.h"

#include <fmt/format.h>

// With exceptions, as everywhere in the program: the layout of its reader depends on it.
#include <toml++/toml.h>

#include <filesystem>
#include <set>

#include "app/oidc_settings.h"
#include "app/settings.h"
#include "base/address_range.h"
#include "base/limits.h"
#include "store/atomic_file.h"

namespace xc::app {
namespace {

// One reading of a config file; keeps what errors need.
struct Reading {
  const std::string& file;
  const ConfigSource& source;
  Config& config;
  std::vector<std::pair<std::string, const toml::table*>> per_model = {};

  std::unexpected<Error> wrong(const toml::source_region& where, std::string reason) const {
    return fail(Code::InvalidRequest, Message::BadConfig,
                {file, std::to_string(where.begin.line), std::move(reason)});
  }
};

// The value as text for put_setting, when its TOML type is the setting's.
std::optional<std::string> text_of_node(const Setting& setting, const toml::node& node) {
  using Kind = Setting::Kind;
  if (setting.kind == Kind::Integer) {
    const auto* value = node.as_integer();
    return value ? std::optional(std::to_string(value->get())) : std::nullopt;
  }
  if (setting.kind == Kind::Flag) {
    const auto* value = node.as_boolean();
    return value ? std::optional<std::string>(value->get() ? "true" : "false") : std::nullopt;
  }
  if (setting.kind == Kind::List) {
    const auto* items = node.as_array();
    if (items == nullptr) return std::nullopt;
    std::string joined;
    for (const toml::node& item : *items) {
      const auto* one = item.as_string();
      if (one == nullptr) return std::nullopt;
      joined += (joined.empty() ? "" : ",") + one->get();
    }
    return joined;
  }
  const auto* value = node.as_string();
  return value ? std::optional(value->get()) : std::nullopt;
}

std::string kind_reason(const Setting& setting, Language language) {
  switch (setting.kind) {
    case Setting::Kind::Integer:
      return say<texts::MustBeInteger>(language, setting.low, setting.high);
    case Setting::Kind::Flag:
      return std::string(texts::MustBeFlag.in(language));
    case Setting::Kind::List:
      return std::string(texts::MustBeList.in(language));
    default:
      return std::string(texts::MustBeText.in(language));
  }
}

Status read_value(Reading& in, const Setting& setting, const toml::node& node,
                  ModelSettings& models) {
  const std::optional<std::string> text = text_of_node(setting, node);
  if (!text) {
    return in.wrong(node.source(),
                    fmt::format("{} {}", setting.name, kind_reason(setting, in.source.language)));
  }
  const std::string where =
      fmt::format("{} ({}:{})", setting.name, in.file, node.source().begin.line);
  return put_setting(setting, *text, where, in.source.language, in.config, models);
}

bool is_settings_table(std::string_view name) {
  for (const Setting& setting : all_settings()) {
    if (setting.table() == name) return true;
  }
  return false;
}

Status read_table(Reading& in, const std::string& prefix, const toml::table& table) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const Setting* setting = find_setting(name)) {
      XC_CHECK(read_value(in, *setting, node, in.config.models));
      continue;
    }
    const bool models = prefix.empty() && name == "model";
    if (!models && !(prefix.empty() && is_settings_table(name))) {
      return in.wrong(key.source(), say<texts::UnknownKey>(in.source.language, name));
    }
    if (!node.is_table()) {
      return in.wrong(node.source(), say<texts::MustBeTable>(in.source.language, name));
    }
    if (!models) {
      XC_CHECK(read_table(in, name + ".", *node.as_table()));
      continue;
    }
    for (const auto& [model, settings] : *node.as_table()) {
      if (!settings.is_table()) {
        return in.wrong(settings.source(),
                        say<texts::MustBeTable>(in.source.language, model.str()));
      }
      in.per_model.emplace_back(model.str(), settings.as_table());
    }
  }
  return {};
}

// After variables and flags, so that what is said of one model stands above what is said of all.
Status read_per_model(Reading& in) {
  for (const auto& [model, table] : in.per_model) {
    ModelSettings settings = in.config.models;
    for (const auto& [key, node] : *table) {
      const Setting* setting = find_setting(fmt::format("models.{}", key.str()));
      if (setting == nullptr) {
        return in.wrong(key.source(), say<texts::UnknownKey>(in.source.language, key.str()));
      }
      if (!setting->per_model()) {
        return in.wrong(key.source(), say<texts::NotPerModel>(in.source.language, key.str()));
      }
      XC_CHECK(read_value(in, *setting, node, settings));
    }
    in.config.overrides[model] = settings;
  }
  return {};
}

Status read_variables_and_flags(const ConfigSource& source, Config& config) {
  for (const Setting& setting : all_settings()) {
    const std::string variable(setting.variable);
    const std::optional<std::string> value =
        source.variables ? source.variables(variable.c_str()) : std::nullopt;
    if (value) {
      XC_CHECK(put_setting(setting, *value, variable, source.language, config, config.models));
    }
    const auto flag = source.flags.find(std::string(setting.name));
    if (flag == source.flags.end()) continue;
    XC_CHECK(put_setting(setting, flag->second, std::string(setting.flag), source.language, config,
                         config.models));
  }
  return {};
}

std::string rooted(const std::string& root, const std::string& path) {
  if (path.empty() || root.empty()) return path;
  return (std::filesystem::path(root) / path).string();
}

Status check_pair(const std::string& table, const std::string& certificate, const std::string& key,
                  Language language) {
  if (certificate.empty() == key.empty()) return {};
  return fail(Code::InvalidRequest, Message::BadSetting,
              {table + (key.empty() ? ".key" : ".certificate"), "",
               std::string(texts::BothTlsFiles.in(language))});
}

Status finish(const ConfigSource& source, Config& config) {
  const Language language = source.language;
  XC_CHECK(check_pair("tls", config.tls_certificate, config.tls_key, language));
  XC_CHECK(check_pair("endpoint_tls", config.endpoint_certificate, config.endpoint_key, language));
  if (!config.tls_client_ca.empty() && config.tls_certificate.empty()) {
    return fail(
        Code::InvalidRequest, Message::BadSetting,
        {"tls.client_ca", config.tls_client_ca, std::string(texts::ClientCaNeedsTls.in(language))});
  }
  constexpr int kRetentionDaysMin = static_cast<int>(limits::kAuditRetentionMs / 86'400'000);
  if (config.audit_retention_days != 0 && config.audit_retention_days < kRetentionDaysMin) {
    return fail(Code::InvalidRequest, Message::BadSetting,
                {"audit.retention_days", std::to_string(config.audit_retention_days),
                 say<texts::RetentionTooShort>(language, kRetentionDaysMin)});
  }
  for (const std::string& range : config.proxies) {
    Result<AddressRange> parsed = AddressRange::parse(range);
    if (parsed) continue;
    parsed.error().args.front() = "proxy_protocol.trusted";
    return std::unexpected(std::move(parsed.error()));
  }
  for (std::string Config::* path :
       {&Config::tls_certificate, &Config::tls_key, &Config::tls_client_ca, &Config::endpoint_ca,
        &Config::witness_file, &Config::endpoint_certificate, &Config::endpoint_key,
        &Config::oidc_client_secret_file}) {
    config.*path = rooted(source.root, config.*path);
  }
  XC_TRY(const auto oidc, oidc_settings_of(config, language));
  static_cast<void>(oidc);  // whether it can be read
  return {};
}

}  // namespace

const ModelSettings& Config::settings_of(const std::string& model) const {
  const auto at = overrides.find(model);
  return at == overrides.end() ? models : at->second;
}

Result<Config> parse_config(std::string_view text, const std::string& file_name,
                            const ConfigSource& source) {
  Config config;
  for (const Setting& setting : all_settings()) {
    XC_CHECK(put_setting(setting, setting.otherwise, std::string(setting.name), source.language,
                         config, config.models));
  }
  Reading in{file_name, source, config};
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& e) {
    return in.wrong(e.source(), std::string(e.description()));
  }
  XC_CHECK(read_table(in, "", table));
  XC_CHECK(read_variables_and_flags(source, config));
  XC_CHECK(read_per_model(in));
  XC_CHECK(finish(source, config));
  return config;
}

Result<Config> load_config(const ConfigSource& source) {
  Result<std::string> text = store::read_bounded(source.path, limits::kConfigBytesMax);
  if (!text && (text.error().message != Message::FileMissing || source.path_required)) {
    return std::unexpected(std::move(text.error()));
  }
  return parse_config(text ? *text : std::string(), source.path, source);
}

std::string print_config(const Config& config, Language language) {
  std::string out = fmt::format("# {}\n", texts::ConfigAbout.in(language));
  std::string_view table;
  for (const Setting& setting : all_settings()) {
    if (setting.table() != table) {
      table = setting.table();
      out += fmt::format("\n[{}]\n", table);
    }
    out += fmt::format("# {}\n", setting.help.in(language));
    if (!setting.choices.empty()) {
      out += fmt::format("# {}\n", say<texts::OneOf>(language, setting.choices));
    }
    const std::string standard =
        setting.otherwise.empty() ? "\"\"" : std::string(setting.otherwise);
    out += fmt::format("# {}; {}\n", say<texts::DefaultIs>(language, standard),
                       say<texts::Variable>(language, setting.variable));
    const std::string value = toml_of(setting, config, config.models);
    const bool hidden = setting.is_secret() && value != "\"\"";
    out +=
        fmt::format("{}{} = {}\n", hidden ? "# " : "", setting.key(), hidden ? "\"***\"" : value);
  }
  out += fmt::format("\n# {}\n", texts::ConfigPerModel.in(language));
  if (config.overrides.empty())
    out += "# [model.\"qwen2.5-coder-1.5b-instruct\"]\n# context = 16384\n";
  for (const auto& [model, settings] : config.overrides) {
    out += fmt::format("\n[model.{}]\n", toml_quoted(model));
    for (const Setting& setting : all_settings()) {
      if (!setting.per_model()) continue;
      out += fmt::format("{} = {}\n", setting.key(), toml_of(setting, config, settings));
    }
  }
  return out;
}

}  // namespace xc::app

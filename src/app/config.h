// The server's settings: built-in default < config.toml < XINGCHA_… variable < flag.
// settings.h has the one table that says which exist; here is what they fill.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/home.h"
#include "base/error.h"
#include "base/result.h"

namespace xc::app {

// How one model is run. `[models]` for all, `[model."name"]` for one.
struct ModelSettings {
  int context = 0;    // tokens of one request
  int cells = 0;      // KV cells in all; 0: the larger of context and 8192
  int sequences = 0;  // requests at once
  std::string kv_type;
  int threads = 0;  // 0: the cores of this machine
  int batch = 0;    // tokens a step
  int micro_batch = 0;
  int target_tbt_ms = 0;              // between two tokens of a stream while prompts are computed
  int target_tbt_interactive_ms = 0;  // the same for this class of requests; 0: as above
  int target_tbt_background_ms = 0;
  int chunk_ram_mib = 0;         // for prompts computed before; 0: none
  int chunk_disk_mib = 0;        // the same on disk
  std::string speculation;       // auto, off
  std::string draft_model;       // an installed model that guesses ahead; empty: none
  int queue_max = 0;             // waiting requests
  int queue_per_tenant_max = 0;  // of them of one tenant; 0: three quarters
  int gpu_layers = 0;            // -1: all, where there is a device
  int keep_alive_s = 0;          // idle time before unloading; 0 at once, < 0 never
};

struct Config {
  std::string listen;
  std::string tls_certificate, tls_key;  // absolute, or both empty
  std::string tls_client_ca;             // clients must show certificates of it; absolute or empty
  std::string tls_min_version;           // "1.2", "1.3"
  std::vector<std::string> proxies;      // ranges that speak the PROXY protocol
  std::string alarm_webhook, alarm_webhook_secret, alarm_syslog;  // empty: none
  int alarm_disk_free_mib = 0;
  int alarm_certificate_days = 0;
  std::string trace_otlp;  // empty: off
  int trace_percent = 0;
  std::string audit_profile;     // of a new log
  int audit_retention_days = 0;  // 0: for ever
  std::string witness_file, witness_url;
  std::string master_key;  // absolute; empty: in the data folder
  std::string endpoint_ca, endpoint_certificate, endpoint_key;  // absolute, or empty
  std::string oidc_issuer, oidc_client_id, oidc_client_secret;  // no issuer: no single sign-on
  std::string oidc_client_secret_file;                          // absolute, or empty
  std::string oidc_redirect_base, oidc_name, oidc_role_claim, oidc_tenant_claim, oidc_tenant;
  std::vector<std::string> oidc_scopes, oidc_roles, oidc_tenants;  // VALUE=ROLE, VALUE=TENANT
  bool oidc_create_users = false;
  bool insecure = false;
  int io_threads = 0;    // 0: the cores of this machine
  std::string database;  // empty: SQLite in the data folder
  int database_poll_s = 0;
  int memory_reserve_mib = 0;
  std::vector<std::string> preload;
  std::string log_level;
  bool log_json = false;
  ModelSettings models;
  // Whole settings of the models that have a `[model."…"]`, by the name written there.
  std::map<std::string, ModelSettings> overrides;

  const ModelSettings& settings_of(const std::string& model) const;
};

using Variables = std::function<std::optional<std::string>(const char* name)>;
using Flags = std::map<std::string, std::string>;  // setting name → text, as given

struct ConfigSource {
  std::string path;            // config.toml
  bool path_required = false;  // named by the user: FileMissing when absent
  std::string root;            // relative paths in settings are taken from here
  Variables variables;
  Flags flags;
  Language language = Language::Zh;  // for reasons inside errors
};

// Error: BadConfig with file and line (syntax, unknown key, wrong kind), BadSetting (value out of
// range, from wherever it came), FileMissing, FileError.
Result<Config> load_config(const ConfigSource& source);
// The same on text in memory; `file_name` is for errors.
Result<Config> parse_config(std::string_view toml, const std::string& file_name,
                            const ConfigSource& source);
// A commented config.toml that load_config reads back to an equal Config, but for secrets, which
// are not shown.
std::string print_config(const Config& config, Language language);

}  // namespace xc::app

// Where everything of one installation lives. Plain paths; nothing is opened here.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace xc::app {

struct Home {
  std::string root;  // absolute

  std::string config() const { return root + "/config.toml"; }
  std::string catalogue() const { return root + "/models.toml"; }
  std::string models() const { return root + "/models"; }
  std::string data() const { return root + "/data"; }
  std::string audit() const { return data() + "/audit"; }
  std::string logs() const { return data() + "/logs"; }
  std::string chunks() const { return data() + "/chunks"; }  // KV of prompts, of all models
  std::string serve_log() const { return data() + "/serve.log"; }
  std::string history() const { return data() + "/history"; }
  std::string database() const { return data() + "/xingcha.db"; }
  std::string master_key() const { return data() + "/master.key"; }  // seals the database's secrets
  std::string lock() const { return data() + "/lock"; }  // of the one server that may run
  std::string credentials() const { return root + "/credentials.toml"; }
  // Sockets of workers. A Unix socket's path has at most 107 bytes, so a home with a long path
  // gets a folder of its own under the system's temporary folder.
  std::string sockets() const;
};

// `chosen` (the flag), else $XINGCHA_HOME, else ~/.xingcha; made absolute.
Home home_of(const std::string& chosen);
// Creates the folders, mode 0700. Error: FileError.
Status make_folders(const Home& home);

// The value of an environment variable; nothing when unset or empty.
std::optional<std::string> variable(const char* name);

}  // namespace xc::app

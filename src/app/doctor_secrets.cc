// Checks of the master key and of what it seals.
#include <unistd.h>

#include <algorithm>

#include "app/doctor.h"
#include "app/wiring.h"
#include "fleet/endpoint_keys.h"
#include "fleet/pool_store.h"

namespace xc::app {
namespace {

void put(Checks& checks, const Surroundings& here, Verdict verdict, std::string text) {
  checks.push_back({"master-key", std::string(texts::CheckMasterKey.in(here.language)), verdict,
                    std::move(text)});
}

// Of a database that is there already. What is wrong with it is said by its own check.
std::vector<fleet::EndpointRow> endpoints_of(const Surroundings& here, const Config& config,
                                             const fleet::EndpointKeys& keys) {
  const std::string url = database_of(config, here.home);
  const bool file = url.find("://") == std::string::npos;
  if (file && ::access(url.c_str(), F_OK) != 0) return {};
  const auto database = store::Database::open(url);
  if (!database) return {};
  const Result<fleet::PoolTable> table = fleet::PoolStore(**database, keys).load();
  return table ? table->endpoints : std::vector<fleet::EndpointRow>();
}

void check_missing(const Surroundings& here, const Config& config, const std::string& path,
                   Checks& checks) {
  SystemRandom random;
  const auto rows = endpoints_of(here, config, fleet::EndpointKeys(random));
  const bool sealed =
      std::ranges::any_of(rows, [](const fleet::EndpointRow& row) { return !row.unread.empty(); });
  put(checks, here, sealed ? Verdict::Bad : Verdict::Fine,
      sealed ? say<texts::MasterKeyMissing>(here.language, path)
             : say<texts::MasterKeyNone>(here.language, path));
}

void check_endpoint_keys(const Surroundings& here, const Config& config, const std::string& path,
                         Checks& checks) {
  SystemRandom random;
  const Result<fleet::EndpointKeys> keys = fleet::EndpointKeys::open(path, random);
  if (!keys) return;
  for (const fleet::EndpointRow& row : endpoints_of(here, config, *keys)) {
    if (row.unread.empty()) continue;
    const Error error{Code::Internal, Message::EndpointKeySealed, {row.name, path}, {}, {}, 0};
    checks.push_back({"endpoint:" + row.name,
                      std::string(texts::CheckEndpointKey.in(here.language)), Verdict::Bad,
                      text_of(error, here.language)});
  }
}

}  // namespace

void check_secrets(const Surroundings& here, const Config& config, Checks& checks) {
  const std::string path = master_key_of(config, here.home);
  const Result<fleet::MasterKeyFacts> facts = fleet::look_at_master_key(path);
  if (!facts) return put(checks, here, Verdict::Bad, text_of(facts.error(), here.language));
  if (!facts->exists) return check_missing(here, config, path, checks);
  if (facts->open_to_others) {
    put(checks, here, Verdict::Warn,
        say<texts::HomeOpen>(here.language, path, facts->mode, "600", path));
  } else {
    put(checks, here, Verdict::Fine, say<texts::HomeIs>(here.language, path, facts->mode));
  }
  check_endpoint_keys(here, config, path, checks);
}

}  // namespace xc::app

// Checks of the master key and of what it seals.
#include <unistd.h>

#include <algorithm>
#include <set>

#include "app/doctor.h"
#include "app/wiring.h"
#include "identity/sealed_columns.h"

namespace xc::app {
namespace {

void put(Checks& checks, const Surroundings& here, Verdict verdict, std::string text) {
  checks.push_back({"master-key", std::string(texts::CheckMasterKey.in(here.language)), verdict,
                    std::move(text)});
}

// One that is there already; null otherwise. What is wrong with it is said by its own check.
std::unique_ptr<store::Database> database_there(const Surroundings& here, const Config& config) {
  const std::string url = database_of(config, here.home);
  const bool file = url.find("://") == std::string::npos;
  if (file && ::access(url.c_str(), F_OK) != 0) return nullptr;
  auto database = store::Database::open(url);
  return database ? std::move(*database) : nullptr;
}

std::vector<std::string> unread_in(store::Database* database, const secrets::MasterKey& master,
                                   const secrets::SealedColumn& column) {
  if (database == nullptr) return {};
  auto unread = secrets::unread_of(*database, master, column);
  return unread ? std::move(*unread) : std::vector<std::string>();
}

void check_missing(const Surroundings& here, const std::string& path, store::Database* database,
                   Checks& checks) {
  SystemRandom random;
  const secrets::MasterKey another(random);
  const std::vector<secrets::SealedColumn> columns = sealed_columns();
  const bool sealed = std::ranges::any_of(columns, [&](const secrets::SealedColumn& column) {
    return !unread_in(database, another, column).empty();
  });
  put(checks, here, sealed ? Verdict::Bad : Verdict::Fine,
      sealed ? say<texts::MasterKeyMissing>(here.language, path)
             : say<texts::MasterKeyNone>(here.language, path));
}

void check_file(const Surroundings& here, const std::string& path,
                const secrets::KeyFileFacts& facts, Checks& checks) {
  if (facts.rotating) {
    put(checks, here, Verdict::Warn, say<texts::MasterKeyRotating>(here.language, path));
  }
  if (facts.open_to_others) {
    put(checks, here, Verdict::Warn,
        say<texts::HomeOpen>(here.language, path, facts.mode, "600", path));
  }
  if (facts.rotating || facts.open_to_others) return;
  put(checks, here, Verdict::Fine, say<texts::HomeIs>(here.language, path, facts.mode));
}

// What the master key does not open, each with a line of its own.
void check_sealed(const Surroundings& here, const std::string& path, store::Database* database,
                  Checks& checks) {
  SystemRandom random;
  const Result<secrets::MasterKey> master = secrets::MasterKey::look(path, random);
  if (!master) return;
  const auto bad = [&](std::string id, const Bilingual& title, std::string text) {
    checks.push_back(
        {std::move(id), std::string(title.in(here.language)), Verdict::Bad, std::move(text)});
  };
  for (const std::string& name : unread_in(database, *master, fleet::endpoint_key_column())) {
    const Error error{Code::Internal, Message::EndpointKeySealed, {name, path}};
    bad("endpoint:" + name, texts::CheckEndpointKey, text_of(error, here.language));
  }
  std::set<std::string> users;
  for (const secrets::SealedColumn& column :
       {identity::second_factor_column(), identity::new_second_factor_column()}) {
    for (std::string& name : unread_in(database, *master, column)) users.insert(std::move(name));
  }
  for (const std::string& name : users) {
    bad("second-factor:" + name, texts::CheckSecondFactor,
        say<texts::SecondFactorUnread>(here.language, name, path));
  }
  if (!unread_in(database, *master, identity::shared_key_column()).empty()) {
    bad("login-key", texts::CheckOidc, say<texts::LoginKeyUnread>(here.language, path));
  }
}

}  // namespace

void check_secrets(const Surroundings& here, const Config& config, Checks& checks) {
  const std::string path = master_key_of(config, here.home);
  const Result<secrets::KeyFileFacts> facts = secrets::look_at_key_file(path);
  if (!facts) return put(checks, here, Verdict::Bad, text_of(facts.error(), here.language));
  const std::unique_ptr<store::Database> database = database_there(here, config);
  if (!facts->exists) return check_missing(here, path, database.get(), checks);
  check_file(here, path, *facts, checks);
  check_sealed(here, path, database.get(), checks);
}

}  // namespace xc::app

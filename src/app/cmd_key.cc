// Keys are changed in the database directly, so this works with and without a running server; a
// running one is told to read them again.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/api_client.h"
#include "app/command.h"
#include "app/serve_config.h"
#include "app/terminal.h"
#include "app/wiring.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct KeyFlags {
  std::string name = "cli", id;
  bool save = false, json = false;
};

Result<std::unique_ptr<KeyRing>> open_keys(const Surroundings& here) {
  XC_TRY(const Config config, load_config(config_source_of(here)));
  return open_key_ring(config, here.home);
}

// A server that does not run reads the keys when it starts; one that runs must be told.
void tell_server(const Surroundings& here, const Credentials& credentials) {
  if (credentials.key.empty()) return;
  const ApiClient api(credentials, here.language);
  const auto told = api.call("POST", "/admin/keys/reload", "{}", std::chrono::seconds(5));
  if (told || told.error().message == Message::CannotConnect) return;
  fmt::print(stderr, "{}\n",
             say<texts::KeyReloadFailed>(here.language, text_of(told.error(), here.language)));
}

json::object json_of(const identity::KeyRecord& record) {
  json::object row{{"id", record.id},
                   {"name", record.name},
                   {"prefix", record.prefix},
                   {"tenant", record.tenant},
                   {"created_unix_ms", record.created_unix_ms},
                   {"revoked_unix_ms", nullptr}};
  if (record.revoked_unix_ms) row["revoked_unix_ms"] = *record.revoked_unix_ms;
  return row;
}

Result<int> create(const Surroundings& here, const KeyFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_keys(here));
  XC_TRY(const identity::KeyStore::NewKey created, open->keys->create(flags.name, "default"));
  XC_TRY(Credentials credentials, credentials_of(here.home));
  // Told with the key that the server knows; without one of our own the new one has to do.
  Credentials known = credentials;
  if (known.key.empty()) known.key = created.secret;
  if (flags.save) {
    credentials.key = created.secret;
    XC_CHECK(write_credentials(here.home.credentials(), credentials));
  }
  tell_server(here, known);
  if (flags.json) {
    json::object row = json_of(created.record);
    row["key"] = created.secret;
    fmt::print("{}\n", json::serialize(row));
    return kExitFine;
  }
  fmt::print("{}\n", say<texts::KeyCreated>(here.language, created.secret));
  if (flags.save) {
    fmt::print("{}\n", say<texts::KeySaved>(here.language, here.home.credentials()));
  }
  return kExitFine;
}

Result<int> list(const Surroundings& here, const KeyFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_keys(here));
  XC_TRY(const std::vector<identity::KeyRecord> records, open->keys->list());
  if (flags.json) {
    json::array keys;
    for (const identity::KeyRecord& record : records) keys.push_back(json_of(record));
    fmt::print("{}\n", json::serialize(json::object{{"keys", std::move(keys)}}));
    return kExitFine;
  }
  Table table;
  std::vector<std::string> head;
  for (const Bilingual& title :
       {texts::ColId, texts::ColName, texts::ColPrefix, texts::ColCreated, texts::ColRevoked}) {
    head.emplace_back(title.in(here.language));
  }
  table.add(std::move(head));
  for (const identity::KeyRecord& record : records) {
    table.add({record.id, record.name, record.prefix + "…", time_text(record.created_unix_ms),
               record.revoked_unix_ms ? time_text(*record.revoked_unix_ms) : "-"});
  }
  fmt::print("{}", table.text());
  return kExitFine;
}

Result<int> revoke(const Surroundings& here, const KeyFlags& flags) {
  // Read before: the key that tells the server may be the one that goes.
  XC_TRY(const Credentials credentials, credentials_of(here.home));
  XC_TRY(const std::unique_ptr<KeyRing> open, open_keys(here));
  XC_CHECK(open->keys->revoke(flags.id));
  tell_server(here, credentials);
  fmt::print("{}\n", say<texts::KeyRevoked>(here.language, flags.id));
  return kExitFine;
}

}  // namespace

Command key_command() {
  const auto flags = std::make_shared<KeyFlags>();
  const Option as_json{
      .name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json};
  Command create_key{"create", texts::HelpKeyCreate};
  create_key.options = {
      {.name = "NAME", .value = "NAME", .help = texts::HelpKeyCreateName, .target = &flags->name},
      {.name = "--save", .value = "", .help = texts::HelpKeyCreateSave, .target = &flags->save},
      as_json};
  create_key.run = [flags](const Surroundings& here) { return create(here, *flags); };
  Command list_keys{"list", texts::HelpKeyList};
  list_keys.options = {as_json};
  list_keys.run = [flags](const Surroundings& here) { return list(here, *flags); };
  Command revoke_key{"revoke", texts::HelpKeyRevoke};
  revoke_key.options = {{.name = "ID",
                         .value = "ID",
                         .help = texts::HelpKeyRevokeId,
                         .target = &flags->id,
                         .required = true}};
  revoke_key.run = [flags](const Surroundings& here) { return revoke(here, *flags); };
  Command command{"key", texts::HelpKey};
  command.commands = {create_key, list_keys, revoke_key};
  return command;
}

}  // namespace xc::app

#include <fmt/format.h>

#include <iostream>

#include "app/identity_access.h"
#include "app/terminal.h"
#include "gateway/identity_json.h"
#include "identity/totp.h"

namespace xc::app {
namespace {

constexpr std::size_t kPasswordChars = 20;  // × 5.95 bits: nobody guesses it

struct UserFlags {
  std::string name, tenant = "default", role;
  bool password_stdin = false, off = false, json = false;
};

Result<int> done(const Surroundings& here) {
  XC_TRY(const Credentials credentials, credentials_of(here.home));
  tell_server(here, credentials);
  return kExitFine;
}

// Never from the command line, where everybody on the machine could read it.
std::string password_of(const UserFlags& flags, KeyRing& ring) {
  std::string password;
  if (!flags.password_stdin) return make_id(ring.random, "", kPasswordChars);
  std::getline(std::cin, password);
  return password;
}

void say_password(const Surroundings& here, const UserFlags& flags, const std::string& password) {
  if (flags.password_stdin) return;
  fmt::print("{}\n", say<texts::UserPassword>(here.language, password));
}

Result<int> create(const Surroundings& here, const UserFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  const std::string password = password_of(flags, *open);
  const identity::Role role = *identity::role_of_name(flags.role);  // one of the choices
  XC_TRY(const identity::UserRecord user,
         open->accounts->users.create({flags.name, flags.tenant, role, password}));
  if (flags.json) {
    std::string out = gateway::json_of(user);
    if (!flags.password_stdin) {  // a generated one needs no escaping
      out.back() = ',';
      out += fmt::format("\"password\":\"{}\"}}", password);
    }
    fmt::print("{}\n", out);
  } else {
    fmt::print("{}\n", say<texts::UserCreated>(here.language, user.tenant, user.name, user.id));
    say_password(here, flags, password);
  }
  return done(here);
}

Result<int> list(const Surroundings& here, const UserFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  XC_TRY(const std::vector<identity::UserRecord> users, open->accounts->users.list());
  if (flags.json) {
    fmt::print("{}\n", gateway::list_json("users", users, [](const auto&) { return true; }));
    return kExitFine;
  }
  Table table;
  std::vector<std::string> head;
  for (const Bilingual& title :
       {texts::ColTenant, texts::ColName, texts::ColRole, texts::ColAuthenticator,
        texts::ColLastLogin, texts::ColState, texts::ColId}) {
    head.emplace_back(title.in(here.language));
  }
  table.add(std::move(head));
  SystemClock clock;
  for (const identity::UserRecord& user : users) {
    const bool locked = user.locked_until_unix_ms.value_or(0) > clock.unix_ms();
    const Bilingual& state = user.disabled_unix_ms ? texts::UserIsDisabled
                             : locked              ? texts::UserIsLocked
                                                   : texts::UserIsActive;
    table.add({user.tenant, user.name, std::string(identity::name_of(user.role)),
               user.totp ? "TOTP" : "-",
               user.last_login_unix_ms ? time_text(*user.last_login_unix_ms) : "-",
               std::string(state.in(here.language)), user.id});
  }
  fmt::print("{}", table.text());
  return kExitFine;
}

Result<int> set_password(const Surroundings& here, const UserFlags& flags) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  identity::UserStore& users = open->accounts->users;
  XC_TRY(const identity::UserRecord user, users.find(flags.tenant, flags.name));
  const std::string password = password_of(flags, *open);
  XC_CHECK(users.set_password(user.id, password));
  fmt::print("{}\n", say<texts::UserChanged>(here.language, user.tenant, user.name));
  say_password(here, flags, password);
  return done(here);
}

using Change = Status (identity::UserStore::*)(const std::string& id);
template <const Bilingual& kSaid>
Result<int> change(const Surroundings& here, const UserFlags& flags, Change changed) {
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  identity::UserStore& users = open->accounts->users;
  XC_TRY(const identity::UserRecord user, users.find(flags.tenant, flags.name));
  XC_CHECK((users.*changed)(user.id));
  fmt::print("{}\n", say<kSaid>(here.language, user.tenant, user.name));
  return done(here);
}

Result<int> set_totp(const Surroundings& here, const UserFlags& flags) {
  if (flags.off) {
    return change<texts::UserChanged>(here, flags, &identity::UserStore::disable_totp);
  }
  XC_TRY(const std::unique_ptr<KeyRing> open, open_ring(here));
  identity::UserStore& users = open->accounts->users;
  XC_TRY(const identity::UserRecord user, users.find(flags.tenant, flags.name));
  XC_TRY(const std::string secret, users.enable_totp(user.id));
  fmt::print("{}\n",
             say<texts::UserSecret>(here.language, secret,
                                    identity::totp_uri(secret, user.tenant + "/" + user.name)));
  return done(here);
}

}  // namespace

Command user_command() {
  const auto flags = std::make_shared<UserFlags>();
  const Option as_json{
      .name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json};
  const Option name{.name = "NAME",
                    .value = "NAME",
                    .help = texts::HelpUserName,
                    .target = &flags->name,
                    .required = true};
  const Option tenant{
      .name = "--tenant", .value = "NAME", .help = texts::HelpTenantOf, .target = &flags->tenant};
  const Option from_stdin{.name = "--password-stdin",
                          .value = "",
                          .help = texts::HelpUserPasswordStdin,
                          .target = &flags->password_stdin};
  Command create_one{"create", texts::HelpUserCreate, {name, tenant}};
  create_one.options.push_back(
      {.name = "--role",
       .value = "ROLE",
       .help = texts::HelpUserRole,
       .target = &flags->role,
       .required = true,
       .choices = {"platform_admin", "tenant_admin", "developer", "auditor", "safety_officer"}});
  create_one.options.push_back(from_stdin);
  create_one.options.push_back(as_json);
  create_one.run = [flags](const Surroundings& here) { return create(here, *flags); };
  Command list_all{"list", texts::HelpUserList, {as_json}};
  list_all.run = [flags](const Surroundings& here) { return list(here, *flags); };
  Command password{"password", texts::HelpUserPassword, {name, tenant, from_stdin}};
  password.run = [flags](const Surroundings& here) { return set_password(here, *flags); };
  Command totp{"totp", texts::HelpUserTotp, {name, tenant}};
  totp.options.push_back(
      {.name = "--off", .value = "", .help = texts::HelpUserTotpOff, .target = &flags->off});
  totp.run = [flags](const Surroundings& here) { return set_totp(here, *flags); };
  Command disable_one{"disable", texts::HelpUserDisable, {name, tenant}};
  disable_one.run = [flags](const Surroundings& here) {
    return change<texts::UserDisabled>(here, *flags, &identity::UserStore::disable);
  };
  Command enable_one{"enable", texts::HelpUserEnable, {name, tenant}};
  enable_one.run = [flags](const Surroundings& here) {
    return change<texts::UserChanged>(here, *flags, &identity::UserStore::enable);
  };
  Command command{"user", texts::HelpUser};
  command.commands = {create_one, list_all, password, totp, disable_one, enable_one};
  return command;
}

}  // namespace xc::app

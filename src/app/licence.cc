#include "app/licence.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "app/terminal.h"
#include "base/clock.h"

namespace xc::app {
namespace {

std::string user_name() {
  char buffer[4096];
  struct passwd entry{};
  struct passwd* found = nullptr;
  const uid_t user = ::geteuid();
  if (::getpwuid_r(user, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return fmt::format("uid {}", user);
}

std::optional<catalog::LicenceAccepted> accepted_before(const catalog::ModelStore& store,
                                                        const std::string& licence) {
  for (const catalog::InstalledModel& model : store.list()) {
    if (model.licence_accepted && catalog::same_licence(model.licence, licence)) {
      return model.licence_accepted;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<catalog::PlanLicence> terms_of(const Surroundings& here, const std::string& licence) {
  XC_TRY(const catalog::PlanData data, catalog::PlanData::open(here.home.root + "/plan.toml"));
  if (const catalog::PlanLicence* known = data.asking_licence(licence)) return *known;
  XC_TRY(const catalog::Catalogue catalogue, catalog::Catalogue::open(here.home.catalogue()));
  for (const catalog::Entry& entry : catalogue.entries()) {
    if (entry.licence.ask && catalog::same_licence(entry.licence.spdx, licence)) {
      return catalog::PlanLicence{entry.licence, "", ""};
    }
  }
  return catalog::PlanLicence{{licence, "", false}, "", ""};
}

void show_terms(Language language, std::string_view model, const catalog::PlanLicence& terms) {
  if (terms.licence.spdx.empty()) return;
  fmt::print(stderr, "{}\n",
             say<texts::LicenceOf>(language, model, terms.licence.spdx, terms.licence.url));
  const std::string& note = language == Language::Zh ? terms.note_zh : terms.note_en;
  if (!note.empty()) fmt::print(stderr, "{}\n", note);
}

Result<std::optional<catalog::LicenceAccepted>> accept_terms(Language language,
                                                             const catalog::ModelStore& store,
                                                             const std::string& model,
                                                             const catalog::PlanLicence& terms,
                                                             bool yes) {
  show_terms(language, model, terms);
  std::optional<catalog::LicenceAccepted> accepted;
  if (!terms.licence.ask) return accepted;
  accepted = accepted_before(store, terms.licence.spdx);
  if (accepted) {
    fmt::print(stderr, "{}\n",
               say<texts::LicenceBefore>(language, accepted->by, time_text(accepted->unix_ms)));
    return accepted;
  }
  if (!yes && !confirm(texts::AskLicence.in(language), language, false)) {
    return fail(Code::Forbidden, Message::LicenceNotAccepted, {model});
  }
  accepted = catalog::LicenceAccepted{SystemClock().unix_ms(), user_name(),
                                      yes ? "--yes" : "terminal", terms.licence.url};
  return accepted;
}

}  // namespace xc::app

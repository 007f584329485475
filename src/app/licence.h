// Terms of use as people meet them: shown, asked about once where the licence wants it, and written
// into the model's manifest. Shared by pull, import and convert.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/command.h"
#include "catalog/model_store.h"
#include "catalog/plan_data.h"

namespace xc::app {

// The terms behind the licence's name that a model's file says: those of the catalogue when it
// knows a licence of the name that asks to be accepted, else the name alone. Error: BadConfig.
Result<catalog::PlanLicence> terms_of(const Surroundings& here, const std::string& licence);

// One line with the name and the address, one with what they ask for when they ask; on stderr.
void show_terms(Language language, std::string_view model, const catalog::PlanLicence& terms);

// Shows them, and asks when they want it: not with `yes`, and not when a model on this machine was
// taken under the same licence before. nullopt: they ask for nothing. Error: Forbidden, refused or
// nobody there to ask.
Result<std::optional<catalog::LicenceAccepted>> accept_terms(Language language,
                                                             const catalog::ModelStore& store,
                                                             const std::string& model,
                                                             const catalog::PlanLicence& terms,
                                                             bool yes);

}  // namespace xc::app

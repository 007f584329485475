// [oidc] of the configuration as the gateway takes it.
#pragma once

#include <optional>

#include "app/config.h"
#include "base/error.h"
#include "gateway/oidc_provider.h"

namespace xc::app {

// Nothing when there is no issuer. Pure: a secret in a file is not read. Error: BadSetting with the
// setting at fault: an address that is none, plain HTTP that leaves the machine, no openid among
// the scopes, a rule that cannot be read, both ways of giving the secret.
Result<std::optional<gateway::OidcSettings>> oidc_settings_of(const Config& config,
                                                              Language language);
// The same with the secret. Blocking. Error: also FileMissing, FileError.
Result<std::optional<gateway::OidcSettings>> load_oidc_settings(const Config& config,
                                                                Language language);

}  // namespace xc::app

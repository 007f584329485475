// Logging in at the OpenID provider: two addresses that a browser visits, no key.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

// GET /admin/oidc/start?return=/…: to the provider, with a sealed cookie.
Task<Status> start_oidc(Call& call);
// GET /admin/oidc/callback?code=…&state=…: from the provider; a session cookie, and back.
Task<Status> finish_oidc(Call& call);

}  // namespace xc::gateway

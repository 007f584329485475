// What a person sees whose login at the provider did not work: a page, not JSON, because a browser
// came here by itself.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

// The error's sentence in the browser's language, its id, and the way back to the login page.
Task<Status> reply_login_page(Call& call, Error error);
// A redirect within a login: never cached, tells nobody where it came from.
Task<Status> reply_redirect(Call& call, int status, std::string location);

}  // namespace xc::gateway

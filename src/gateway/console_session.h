// The console's session in a cookie, and why no other site can use it. A cookie counts only beside
// the header X-Xingcha-Console, which a page of another site cannot send: it makes the browser ask
// first (CORS), and no route here says yes. Besides it is SameSite=Strict, and Sec-Fetch-Site is
// looked at where the browser sends it.
#pragma once

#include <string>
#include <string_view>

#include "gateway/call.h"
#include "identity/sessions.h"

namespace xc::gateway {

// Whether our own page sent this.
bool from_console(const net::Request& request);
// The session's token, or empty. With HTTPS only a cookie that such a page set is taken (__Host-).
std::string_view console_token(const net::Request& request, const Services& services);
void set_session_cookie(Call& call, const identity::Session& session);
void clear_session_cookie(Call& call);

// What a login at the provider is carried in; SameSite=Lax, since its return is a navigation from
// there. Empty when there is none.
std::string_view login_cookie(const net::Request& request, const Services& services);
void set_login_cookie(Call& call, std::string_view sealed);
void clear_login_cookie(Call& call);

}  // namespace xc::gateway

#include "gateway/console_session.h"

#include <fmt/core.h>

#include "base/limits.h"

namespace xc::gateway {
namespace {

constexpr std::string_view kSession = "xingcha_session";
constexpr std::string_view kLogin = "xingcha_login";

// RFC 6265bis §4.1.3.2: a browser takes __Host- only from this very host, over HTTPS.
std::string cookie_name(std::string_view name, const Services& services) {
  return (services.https ? "__Host-" : "") + std::string(name);
}

std::string_view cookie_value(const net::Request& request, std::string_view name) {
  std::string_view rest = request.headers.get("Cookie");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    const bool named = pair.size() > name.size() && pair.starts_with(name);
    if (named && pair[name.size()] == '=') return pair.substr(name.size() + 1);
  }
  return {};
}

// Behind a proxy that ends TLS the page's own address says that it is HTTPS.
bool is_https(const Call& call) {
  return call.services.https || call.request().headers.get("Origin").starts_with("https://");
}

void put(Call& call, std::string_view name, std::string_view value, std::string_view same_site,
         std::int64_t seconds) {
  call.exchange.reply_headers().add(
      "Set-Cookie", fmt::format("{}={}; Path=/; HttpOnly; SameSite={}; Max-Age={}{}",
                                cookie_name(name, call.services), value, same_site, seconds,
                                is_https(call) ? "; Secure" : ""));
}

}  // namespace

bool from_console(const net::Request& request) {
  const std::string_view site = request.headers.get("Sec-Fetch-Site");
  return !request.headers.get("X-Xingcha-Console").empty() &&
         (site.empty() || site == "same-origin");
}

std::string_view console_token(const net::Request& request, const Services& services) {
  if (!from_console(request)) return {};
  return cookie_value(request, cookie_name(kSession, services));
}

void set_session_cookie(Call& call, const identity::Session& session) {
  const std::int64_t life = session.expires_unix_ms - call.services.clock.unix_ms();
  put(call, kSession, session.token, "Strict", life / 1000);
}

void clear_session_cookie(Call& call) { put(call, kSession, "", "Strict", 0); }

std::string_view login_cookie(const net::Request& request, const Services& services) {
  return cookie_value(request, cookie_name(kLogin, services));
}

void set_login_cookie(Call& call, std::string_view sealed) {
  put(call, kLogin, sealed, "Lax", limits::kOidcStateLife.count());
}

void clear_login_cookie(Call& call) { put(call, kLogin, "", "Lax", 0); }

}  // namespace xc::gateway

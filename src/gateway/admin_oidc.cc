#include "gateway/admin_oidc.h"

#include <algorithm>
#include <utility>

#include "gateway/admin_identity.h"
#include "gateway/admin_work.h"
#include "gateway/console_session.h"
#include "gateway/login_page.h"
#include "gateway/oidc_provider.h"
#include "gateway/query.h"

namespace xc::gateway {
namespace {

// A session and where its owner wanted to go.
struct Arrival {
  identity::Session session;
  bool made = false;  // the user is new
  std::string back;
};

std::unexpected<Error> stale() { return fail(Code::InvalidRequest, Message::OidcStale); }

// An error code of RFC 6749 §4.1.2.1, from the address bar: anybody may have written it.
std::string plain_code(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return text.size() <= 64 && std::ranges::all_of(text, plain) ? std::string(text) : "error";
}

// The login that this browser began and that has not come back yet. Blocking.
Result<identity::LoginState> take_login(identity::ExternalUsers& external,
                                        const std::string& sealed, const std::string& state,
                                        std::int64_t now_unix_ms) {
  XC_TRY(const identity::SealKey key, external.seal_key());
  const std::optional<identity::LoginState> login = identity::open_sealed(sealed, key, now_unix_ms);
  if (!login || state.empty() || login->state != state) return stale();
  XC_TRY(const bool first, external.use_state(*login));
  if (!first) return stale();
  return *login;
}

Result<Arrival> settle(identity::Accounts& accounts, const OidcSettings& settings,
                       const identity::IdToken& token, const std::string& back) {
  XC_TRY(const identity::Placement placement, identity::placement_of(token.claims, settings.rules));
  const identity::ExternalPerson person{settings.issuer, token.subject,
                                        identity::shown_name(token.claims, token.subject)};
  XC_TRY(const identity::ExternalUsers::Found found,
         accounts.external.admit(person, placement, settings.create_users));
  XC_TRY(identity::Session session, accounts.sessions->admit(found.user.id));
  return Arrival{std::move(session), found.made, back};
}

Task<Result<Arrival>> arrive(Call& call, OidcProvider& provider) {
  identity::Accounts& accounts = call.services.accounts;
  const std::string& query = call.request().query;
  const std::string sealed(login_cookie(call.request(), call.services));
  const std::string state = query_value(query, "state").value_or("");
  auto login = std::make_shared<Result<identity::LoginState>>(stale());
  std::function<void()> take = [login, sealed, state, &external = accounts.external,
                                now = call.services.clock.unix_ms()] {
    *login = take_login(external, sealed, state, now);
  };
  co_await call.services.blocking.run(std::move(take));
  if (!*login) co_return std::unexpected(std::move(login->error()));
  const std::optional<std::string> code = query_value(query, "code");
  if (!code || code->empty()) {
    const std::string said = query_value(query, "error").value_or("code");
    co_return fail(Code::Unauthorized, Message::OidcDenied, {plain_code(said)});
  }
  std::string issuer = query_value(query, "iss").value_or("");
  Task<Result<identity::IdToken>> redeeming =
      provider.redeem(*code, std::move(issuer), **login, call.deadline);
  Result<identity::IdToken> token = co_await std::move(redeeming);
  if (!token) co_return std::unexpected(std::move(token.error()));
  auto arrival = std::make_shared<Result<Arrival>>(stale());
  std::function<void()> work = [arrival, &accounts, &provider, token = std::move(*token),
                                back = (*login)->back] {
    *arrival = settle(accounts, provider.settings(), token, back);
  };
  co_await call.services.blocking.run(std::move(work));
  co_return std::move(*arrival);
}

// The provider's troubles are not the caller's.
bool is_callers_failure(const Error& error) {
  return error.code == Code::Unauthorized || error.code == Code::Forbidden ||
         error.code == Code::InvalidRequest;
}

std::unexpected<Error> throttled(int wait_s) {
  Error error{Code::RateLimited, Message::LoginThrottled, {std::to_string(wait_s)}, {}, {}, wait_s};
  return fail(std::move(error));
}

Task<Result<std::string>> begin(Call& call, OidcProvider& provider) {
  auto key = std::make_shared<Result<identity::SealKey>>();
  std::function<void()> work = [key, &external = call.services.accounts.external] {
    *key = external.seal_key();
  };
  co_await call.services.blocking.run(std::move(work));
  if (!*key) co_return std::unexpected(std::move(key->error()));
  const std::string back = query_value(call.request().query, "return").value_or("/");
  const identity::LoginState login =
      identity::make_login_state(call.services.random, back, call.services.clock.unix_ms());
  Task<Result<std::string>> asking = provider.login_url(login, call.deadline);
  Result<std::string> url = co_await std::move(asking);
  if (url) set_login_cookie(call, identity::seal(login, **key));
  co_return url;
}

Task<Result<std::string>> finish(Call& call, OidcProvider& provider) {
  const std::string& peer = call.request().peer;
  const std::int64_t now = call.services.clock.unix_ms();
  if (const int wait = provider.throttle().wait_s(peer, now); wait > 0) co_return throttled(wait);
  Task<Result<Arrival>> arriving = arrive(call, provider);
  Result<Arrival> arrival = co_await std::move(arriving);
  clear_login_cookie(call);
  if (!arrival) {
    if (is_callers_failure(arrival.error())) provider.throttle().failed(peer, now);
    note_login_refused(call.services.books, call.request_id, peer, arrival.error());
    co_return std::unexpected(std::move(arrival.error()));
  }
  const identity::UserRecord& user = arrival->session.user;
  const Status recorded = record_login(call, user);
  if (!recorded) co_return std::unexpected(recorded.error());
  if (arrival->made) note(desk_of(call), "user_made", user.tenant, user.id);
  set_session_cookie(call, arrival->session);
  co_return std::move(arrival->back);
}

// Both addresses are a browser's: it goes on to another one, or sees a page that says why not.
using Visit = Task<Result<std::string>> (*)(Call&, OidcProvider&);
Task<Status> visit(Call& call, Visit visited, int status) {
  Result<std::string> url = fail(Code::NotFound, Message::OidcOff);
  if (call.services.oidc != nullptr) {
    Task<Result<std::string>> going = visited(call, *call.services.oidc);
    url = co_await std::move(going);
  }
  Task<Status> replying = url ? reply_redirect(call, status, std::move(*url))
                              : reply_login_page(call, std::move(url.error()));
  Status replied = co_await std::move(replying);
  co_return replied;
}

}  // namespace

Task<Status> start_oidc(Call& call) { return visit(call, &begin, 302); }
Task<Status> finish_oidc(Call& call) { return visit(call, &finish, 303); }

}  // namespace xc::gateway

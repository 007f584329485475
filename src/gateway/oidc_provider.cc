#include "gateway/oidc_provider.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/limits.h"
#include "base/log.h"
#include "identity/encodings.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;
using identity::percent_encoded;

constexpr Duration kTurnPause = std::chrono::milliseconds(20);

std::unexpected<Error> unreachable(std::string_view what, std::string detail) {
  Error error{Code::Upstream, Message::OidcUnreachable, {std::string(what)}};
  error.detail = "OpenID provider, " + std::string(what) + ": " + std::move(detail);
  return fail(std::move(error));
}

std::unexpected<Error> bad_reply(std::string_view why) {
  Error error{Code::Upstream, Message::OidcBadReply, {std::string(why)}};
  error.detail = "OpenID provider: " + std::string(why);
  return fail(std::move(error));
}

// What the provider's token endpoint or token says no to: the person's login, not the provider.
std::unexpected<Error> refused(Message message, std::string_view why) {
  Error error{Code::Unauthorized, message, {std::string(why)}};
  error.detail = "OpenID login: " + std::string(why);
  return fail(std::move(error));
}

// Counts who waits for the provider; releases at scope exit.
class Place {
 public:
  explicit Place(std::atomic<int>& waiting) : waiting_(waiting), place_(++waiting) {}
  ~Place() { --waiting_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool taken() const { return place_ <= limits::kOidcLoginsMax; }

 private:
  std::atomic<int>& waiting_;
  const int place_;
};

std::unexpected<Error> too_many() {
  Error error{Code::RateLimited, Message::LoginThrottled, {"5"}, {}, {}, 5};
  return fail(std::move(error));
}

// A field for application/x-www-form-urlencoded and for query strings.
void put(std::string& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form += name;
  form += '=';
  form += percent_encoded(value);
}

}  // namespace

Task<std::shared_ptr<void>> OidcProvider::turn(Deadline deadline) {
  for (;;) {
    {
      const std::lock_guard held(lock_);
      if (!reading_) {
        reading_ = true;
        co_return std::shared_ptr<void>(this, [](void* self) {
          auto& provider = *static_cast<OidcProvider*>(self);
          const std::lock_guard again(provider.lock_);
          provider.reading_ = false;
        });
      }
    }
    if (deadline.passed(std::chrono::steady_clock::now())) co_return nullptr;
    Task<void> pause = net::sleep_for(kTurnPause);
    co_await std::move(pause);
  }
}

Task<Result<OidcProvider::Answer>> OidcProvider::ask(std::string url, net::ClientRequest request,
                                                     Deadline deadline) {
  std::optional<HttpAddress> address = http_address(url);
  if (!address) co_return bad_reply("address");
  address->origin.guarded = true;
  const std::string where = address->origin.key();
  request.target = address->target;
  request.headers.set("Accept", "application/json");
  request.headers.set("User-Agent", "xingcha");
  deadline = deadline.sooner(Deadline::after(limits::kOidcTimeout));
  Task<Result<std::unique_ptr<net::ClientReply>>> sending =
      client_.send(address->origin, std::move(request), deadline);
  Result<std::unique_ptr<net::ClientReply>> reply = co_await std::move(sending);
  if (!reply) {
    const Error& error = reply.error();
    co_return unreachable(where, text_of(error, Language::En) + " " + error.detail);
  }
  const int status = (*reply)->status();
  Task<Result<std::string>> reading = (*reply)->read_all(limits::kOidcReplyBytesMax, deadline);
  Result<std::string> body = co_await std::move(reading);
  if (!body) co_return unreachable(where, "the reply broke off or is too large");
  if (status >= 500) co_return unreachable(where, "HTTP " + std::to_string(status));
  co_return Answer{status, std::move(*body)};
}

template <typename T>
std::shared_ptr<const T> OidcProvider::young(const Kept<T>& kept, bool again) const {
  const std::lock_guard held(lock_);
  const SteadyTime now = clock_.now();
  const bool rest = kept.asked && now - *kept.asked < limits::kOidcFetchPause;
  if (kept.value && rest) return kept.value;  // asked a moment ago: not again
  const bool fresh = kept.read && now - *kept.read < limits::kOidcFactsLife;
  return fresh && !again ? kept.value : nullptr;
}

template <typename T>
Task<Result<std::shared_ptr<const T>>> OidcProvider::read(Kept<T>* kept, bool again,
                                                          std::string url, Parse<T> parse,
                                                          Deadline deadline) {
  if (auto value = young(*kept, again)) co_return value;
  Task<std::shared_ptr<void>> waiting = turn(deadline);
  const std::shared_ptr<void> ours = co_await std::move(waiting);
  if (!ours) co_return unreachable("timeout", "others wait for it too");
  if (auto value = young(*kept, again)) co_return value;  // read meanwhile
  {
    const std::lock_guard held(lock_);
    const bool rest = kept->asked && clock_.now() - *kept->asked < limits::kOidcFetchPause;
    if (rest) co_return unreachable(settings_.issuer, "failed a moment ago");
    kept->asked = clock_.now();
  }
  net::ClientRequest request;
  Task<Result<Answer>> asking = ask(url, std::move(request), deadline);
  Result<Answer> answer = co_await std::move(asking);
  Result<T> parsed = std::unexpected(Error{});
  if (!answer) {
    parsed = std::unexpected(std::move(answer.error()));
  } else if (answer->status != 200) {
    parsed = unreachable(settings_.issuer, url + ": HTTP " + std::to_string(answer->status));
  } else {
    parsed = parse(answer->body);
  }
  const std::lock_guard held(lock_);
  if (parsed) {
    kept->value = std::make_shared<const T>(std::move(*parsed));
    kept->read = clock_.now();
  } else if (kept->value) {
    log::warn("gateway", "{}; what was read before stays in force", parsed.error().detail);
  } else {
    co_return std::unexpected(std::move(parsed.error()));
  }
  co_return kept->value;
}

Task<Result<std::shared_ptr<const OidcFacts>>> OidcProvider::facts(Deadline deadline) {
  Parse<OidcFacts> parse = [issuer = settings_.issuer](std::string_view body) {
    return OidcFacts::parse(body, issuer);
  };
  return read(&facts_, false, metadata_url(settings_.issuer), std::move(parse), deadline);
}

Task<Result<std::shared_ptr<const identity::KeySet>>> OidcProvider::keys(const OidcFacts& facts,
                                                                         bool again,
                                                                         Deadline deadline) {
  Parse<identity::KeySet> parse = &identity::KeySet::parse;
  return read(&keys_, again, facts.jwks_uri, std::move(parse), deadline);
}

Task<Status> OidcProvider::probe(Deadline deadline) {
  Task<Result<std::shared_ptr<const OidcFacts>>> reading = facts(deadline);
  Result<std::shared_ptr<const OidcFacts>> known = co_await std::move(reading);
  if (!known) co_return std::unexpected(std::move(known.error()));
  Task<Result<std::shared_ptr<const identity::KeySet>>> asking = keys(**known, false, deadline);
  Result<std::shared_ptr<const identity::KeySet>> set = co_await std::move(asking);
  if (!set) co_return std::unexpected(std::move(set.error()));
  if ((*set)->size() == 0) co_return bad_reply("jwks: no key that can be used");
  co_return Status();
}

Task<Result<std::string>> OidcProvider::login_url(identity::LoginState login, Deadline deadline) {
  const Place place(waiting_);
  if (!place.taken()) co_return too_many();
  Task<Result<std::shared_ptr<const OidcFacts>>> reading = facts(deadline);
  Result<std::shared_ptr<const OidcFacts>> known = co_await std::move(reading);
  if (!known) co_return std::unexpected(std::move(known.error()));
  std::string scope;
  for (const std::string& one : settings_.scopes) scope += (scope.empty() ? "" : " ") + one;
  std::string query;
  put(query, "response_type", "code");
  put(query, "client_id", settings_.client_id);
  put(query, "redirect_uri", settings_.redirect_uri());
  put(query, "scope", scope);
  put(query, "state", login.state);
  put(query, "nonce", login.nonce);
  put(query, "code_challenge", identity::pkce_challenge(login.verifier));
  put(query, "code_challenge_method", "S256");
  const std::string& at = (*known)->authorization_endpoint;
  co_return at + (at.find('?') == std::string::npos ? "?" : "&") + query;
}

// RFC 6749 §4.1.3 with §2.3.1: the secret in HTTP Basic, or in the body where only that is taken.
Task<Result<std::string>> OidcProvider::trade(std::shared_ptr<const OidcFacts> facts,
                                              std::string code, std::string verifier,
                                              Deadline deadline) {
  net::ClientRequest request;
  request.method = "POST";
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  put(request.body, "grant_type", "authorization_code");
  put(request.body, "code", code);
  put(request.body, "redirect_uri", settings_.redirect_uri());
  put(request.body, "code_verifier", verifier);
  if (settings_.client_secret.empty() || facts->secret_in_body) {
    put(request.body, "client_id", settings_.client_id);
  }
  if (!settings_.client_secret.empty() && facts->secret_in_body) {
    put(request.body, "client_secret", settings_.client_secret);
  }
  if (!settings_.client_secret.empty() && !facts->secret_in_body) {
    const std::string pair =
        percent_encoded(settings_.client_id) + ":" + percent_encoded(settings_.client_secret);
    request.headers.set("Authorization", "Basic " + identity::base64_of(pair));
  }
  Task<Result<Answer>> asking = ask(facts->token_endpoint, std::move(request), deadline);
  Result<Answer> answer = co_await std::move(asking);
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  boost::system::error_code failed;
  const json::value document = json::parse(answer->body, failed);
  const json::object* body = failed ? nullptr : document.if_object();
  if (answer->status != 200) {
    const json::value* why = body == nullptr ? nullptr : body->if_contains("error");
    const bool said = why != nullptr && why->is_string() && why->get_string().size() <= 64;
    co_return refused(Message::OidcDenied, said ? std::string(why->get_string())
                                                : "HTTP " + std::to_string(answer->status));
  }
  const json::value* token = body == nullptr ? nullptr : body->if_contains("id_token");
  if (token == nullptr || !token->is_string()) co_return bad_reply("id_token");
  co_return std::string(token->get_string());
}

Task<Result<identity::IdToken>> OidcProvider::redeem(std::string code, std::string issuer,
                                                     identity::LoginState login,
                                                     Deadline deadline) {
  const Place place(waiting_);
  if (!place.taken()) co_return too_many();
  Task<Result<std::shared_ptr<const OidcFacts>>> reading = facts(deadline);
  Result<std::shared_ptr<const OidcFacts>> known = co_await std::move(reading);
  if (!known) co_return std::unexpected(std::move(known.error()));
  // RFC 9207 §2.4: a code of another provider is not sent to this one.
  const bool other = (*known)->names_itself || !issuer.empty();
  if (other && issuer != settings_.issuer) co_return refused(Message::OidcBadReply, "iss");
  Task<Result<std::string>> trading = trade(*known, std::move(code), login.verifier, deadline);
  Result<std::string> token = co_await std::move(trading);
  if (!token) co_return std::unexpected(std::move(token.error()));
  for (int tries = 0; tries < 2; ++tries) {
    const bool again = tries > 0;  // the keys may have been changed
    Task<Result<std::shared_ptr<const identity::KeySet>>> asking = keys(**known, again, deadline);
    Result<std::shared_ptr<const identity::KeySet>> set = co_await std::move(asking);
    if (!set) co_return std::unexpected(std::move(set.error()));
    const identity::TokenChecks checks{settings_.issuer, settings_.client_id, login.nonce,
                                       clock_.unix_ms() / 1000, limits::kOidcSkew.count()};
    auto verified = identity::verify_id_token(*token, **set, checks);
    if (verified) co_return std::move(*verified);
    if (verified.error() == identity::TokenFault::UnknownKey && !again) continue;
    co_return refused(Message::OidcBadReply, identity::name_of(verified.error()));
  }
  co_return fail_internal("not reached");
}

std::string OidcProvider::logout_url() const {
  const std::lock_guard held(lock_);
  if (!facts_.value || facts_.value->end_session_endpoint.empty()) return {};
  std::string query;
  put(query, "client_id", settings_.client_id);
  put(query, "post_logout_redirect_uri", settings_.redirect_base + "/");
  const std::string& at = facts_.value->end_session_endpoint;
  return at + (at.find('?') == std::string::npos ? "?" : "&") + query;
}

}  // namespace xc::gateway

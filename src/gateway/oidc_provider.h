// The OpenID provider of this installation: what it says of itself, its keys, and the trade of a
// code for an ID token (OpenID Connect Core 1.0 §3.1, Discovery 1.0, RFC 6749, RFC 7636).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "base/task.h"
#include "identity/claims.h"
#include "identity/id_token.h"
#include "identity/login_state.h"
#include "identity/login_throttle.h"
#include "net/client.h"

namespace xc::gateway {

// [oidc] of the configuration, checked (app/oidc_settings.h).
struct OidcSettings {
  std::string name;  // what the button says; empty: the page's own words
  std::string issuer;
  std::string client_id;
  std::string client_secret;  // empty: a public client, which PKCE alone protects
  std::string redirect_base;  // "https://console.example", without trailing '/'
  std::vector<std::string> scopes;
  identity::ClaimRules rules;
  bool create_users = false;

  std::string redirect_uri() const { return redirect_base + "/admin/oidc/callback"; }
  bool https() const { return redirect_base.starts_with("https://"); }
};

// What the provider's metadata says. Never changes.
struct OidcFacts {
  std::string authorization_endpoint, token_endpoint, jwks_uri;
  std::string end_session_endpoint;  // may be empty
  bool secret_in_body = false;       // client_secret_post, where client_secret_basic is not taken
  bool names_itself = false;         // RFC 9207: `iss` comes with every code

  // Error: OidcBadReply: another issuer, a missing endpoint, one that is not https (where the
  // issuer is).
  static Result<OidcFacts> parse(std::string_view json, const std::string& issuer);
};
// "https://host/path/?query" in two parts; the path is kept to its last '/': some providers answer
// only there. Nothing for what is no http(s) address, or has a fragment.
struct HttpAddress {
  net::Origin origin;
  std::string target;
};
std::optional<HttpAddress> http_address(std::string_view url);
// Of an issuer: RFC 8414's well-known address as OpenID Connect Discovery 1.0 §4 forms it.
std::string metadata_url(const std::string& issuer);

// Thread-safe; its coroutines run on I/O threads. References must outlive it and its coroutines.
// Link-local and metadata addresses of clouds are never contacted, whatever a name resolves to;
// redirects are not followed. Metadata and keys are read at most once in limits::kOidcFetchPause.
class OidcProvider {
 public:
  OidcProvider(net::Client& client, Clock& clock, OidcSettings settings)
      : client_(client), clock_(clock), settings_(std::move(settings)) {}

  const OidcSettings& settings() const { return settings_; }
  identity::LoginThrottle& throttle() { return throttle_; }

  // Reads metadata and keys. Error: Upstream with OidcUnreachable or OidcBadReply.
  Task<Status> probe(Deadline deadline);
  // Where the browser goes to log in. Error: Upstream with OidcUnreachable or OidcBadReply;
  // RateLimited when too many logins wait for the provider.
  Task<Result<std::string>> login_url(identity::LoginState login, Deadline deadline);
  // What the code is worth. `issuer`: the callback's `iss`, may be empty. Error: as login_url;
  // Unauthorized with OidcDenied (the provider takes the code for none) or OidcBadReply (the token
  // is not one to believe).
  Task<Result<identity::IdToken>> redeem(std::string code, std::string issuer,
                                         identity::LoginState login, Deadline deadline);
  // Where to go to end the provider's session too (RP-Initiated Logout 1.0); empty when it has no
  // such address, or is not known yet.
  std::string logout_url() const;

 private:
  template <typename T>
  struct Kept {
    std::shared_ptr<const T> value;
    std::optional<SteadyTime> read{};   // when value was
    std::optional<SteadyTime> asked{};  // the last try
  };
  template <typename T>
  using Parse = std::function<Result<T>(std::string_view body)>;
  // The kept value while it is young, else the provider's; the old one when that fails. `again`: it
  // seems to be out of date.
  template <typename T>
  Task<Result<std::shared_ptr<const T>>> read(Kept<T>* kept, bool again, std::string url,
                                              Parse<T> parse, Deadline deadline);
  template <typename T>
  std::shared_ptr<const T> young(const Kept<T>& kept, bool again) const;
  Task<Result<std::shared_ptr<const OidcFacts>>> facts(Deadline deadline);
  Task<Result<std::shared_ptr<const identity::KeySet>>> keys(const OidcFacts& facts, bool again,
                                                             Deadline deadline);
  // One caller at a time asks the provider; null when the deadline passed before its turn.
  Task<std::shared_ptr<void>> turn(Deadline deadline);
  // Error: OidcUnreachable, also for a status of 500 and above.
  struct Answer {
    int status = 0;
    std::string body;
  };
  Task<Result<Answer>> ask(std::string url, net::ClientRequest request, Deadline deadline);
  Task<Result<std::string>> trade(std::shared_ptr<const OidcFacts> facts, std::string code,
                                  std::string verifier, Deadline deadline);

  net::Client& client_;
  Clock& clock_;
  const OidcSettings settings_;
  identity::LoginThrottle throttle_;
  std::atomic<int> waiting_{0};
  mutable std::mutex lock_;
  Kept<OidcFacts> facts_;        // under lock_
  Kept<identity::KeySet> keys_;  // under lock_
  bool reading_ = false;         // under lock_
};

}  // namespace xc::gateway

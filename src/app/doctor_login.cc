// The check of single sign-on.
#include "app/api_client.h"
#include "app/doctor.h"
#include "app/oidc_settings.h"
#include "app/wiring.h"
#include "base/limits.h"

namespace xc::app {
namespace {

// Metadata and keys, as a login would read them.
Status ask(const Config& config, const gateway::OidcSettings& settings) {
  Status outcome = fail(Code::Cancelled, Message::Cancelled, {"doctor"});
  run_loop([&](net::Runtime& runtime, net::Client&) -> Task<void> {
    net::Client client(runtime, 1, client_tls_of(config));  // with the site's own authorities
    SystemClock clock;
    gateway::OidcProvider provider(client, clock, settings);
    Task<Status> probing = provider.probe(Deadline::after(limits::kOidcTimeout));
    outcome = co_await std::move(probing);
  });
  return outcome;
}

}  // namespace

void check_login(const Surroundings& here, const Config& config, Checks& checks) {
  if (config.oidc_issuer.empty()) return;
  const auto settings = load_oidc_settings(config, here.language);
  Status outcome = settings ? Status() : std::unexpected(settings.error());
  if (outcome) outcome = ask(config, **settings);
  std::string text =
      outcome ? say<texts::OidcIs>(here.language, config.oidc_issuer, (*settings)->redirect_uri())
              : text_of(outcome.error(), here.language);
  if (!outcome && !outcome.error().detail.empty()) text += " " + outcome.error().detail;
  checks.push_back({"oidc", std::string(texts::CheckOidc.in(here.language)),
                    outcome ? Verdict::Fine : Verdict::Bad, std::move(text)});
}

}  // namespace xc::app

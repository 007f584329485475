// What a provider says of itself (OpenID Connect Discovery 1.0 §3).
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "gateway/oidc_provider.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

std::unexpected<Error> bad_metadata(std::string_view field) {
  Error error{Code::Upstream, Message::OidcBadReply, {"metadata: " + std::string(field)}};
  error.detail = "OpenID provider, metadata: " + std::string(field);
  return fail(std::move(error));
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

bool has_item(const json::object& object, std::string_view name, std::string_view wanted) {
  const json::value* list = object.if_contains(name);
  if (list == nullptr || !list->is_array()) return false;
  return std::ranges::any_of(list->get_array(), [wanted](const json::value& item) {
    return item.is_string() && std::string_view(item.get_string()) == wanted;
  });
}

// An address that goes into requests and into Location. Plain HTTP only where the issuer has it: a
// test on this machine.
bool is_address(std::string_view url, bool plain) {
  if (url.size() > 2'048 || (!plain && !url.starts_with("https://"))) return false;
  if (!url.starts_with("https://") && !url.starts_with("http://")) return false;
  const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  return std::ranges::all_of(url, visible) && http_address(url).has_value();
}

}  // namespace

std::optional<HttpAddress> http_address(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos || url.find('#') != std::string_view::npos) return {};
  const std::size_t end = std::min(url.find_first_of("/?", scheme + 3), url.size());
  Result<net::Origin> origin = net::Origin::parse(url.substr(0, end));
  if (!origin) return {};
  std::string target(url.substr(end));
  if (!target.starts_with('/')) target.insert(0, "/");
  return HttpAddress{std::move(*origin), std::move(target)};
}

std::string metadata_url(const std::string& issuer) {
  std::string_view base = issuer;
  if (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base) + "/.well-known/openid-configuration";
}

Result<OidcFacts> OidcFacts::parse(std::string_view text, const std::string& issuer) {
  boost::system::error_code failed;
  const json::value document = json::parse(text, failed);
  if (failed || !document.is_object()) return bad_metadata("JSON");
  const json::object& fields = document.get_object();
  // §4.3: exactly, or another provider could speak for this one.
  if (text_in(fields, "issuer") != issuer) return bad_metadata("issuer");
  const bool plain = issuer.starts_with("http://");
  OidcFacts facts;
  facts.authorization_endpoint = text_in(fields, "authorization_endpoint");
  facts.token_endpoint = text_in(fields, "token_endpoint");
  facts.jwks_uri = text_in(fields, "jwks_uri");
  if (!is_address(facts.authorization_endpoint, plain)) {
    return bad_metadata("authorization_endpoint");
  }
  if (!is_address(facts.token_endpoint, plain)) return bad_metadata("token_endpoint");
  if (!is_address(facts.jwks_uri, plain)) return bad_metadata("jwks_uri");
  const std::string end = text_in(fields, "end_session_endpoint");
  if (is_address(end, plain)) facts.end_session_endpoint = end;
  // Absent: client_secret_basic (§3).
  constexpr std::string_view kMethods = "token_endpoint_auth_methods_supported";
  facts.secret_in_body = fields.contains(kMethods) &&
                         !has_item(fields, kMethods, "client_secret_basic") &&
                         has_item(fields, kMethods, "client_secret_post");
  const json::value* names = fields.if_contains("authorization_response_iss_parameter_supported");
  facts.names_itself = names != nullptr && names->is_bool() && names->get_bool();
  return facts;
}

}  // namespace xc::gateway

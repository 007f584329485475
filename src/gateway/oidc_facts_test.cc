// What a provider may say of itself.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "gateway/oidc_provider.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

constexpr const char* kIssuer = "https://idp.example/realms/ops";

json::object good() {
  return {{"issuer", kIssuer},
          {"authorization_endpoint", "https://idp.example/auth?policy=1"},
          {"token_endpoint", "https://login.example/o/token/"},
          {"jwks_uri", "https://idp.example/keys"}};
}

// The field at fault, or "none".
std::string fault_of(const json::value& document, const std::string& issuer = kIssuer) {
  const auto facts = OidcFacts::parse(json::serialize(document), issuer);
  return facts ? "none" : facts.error().args.front();
}

TEST(OidcFacts, are_read) {
  json::object fields = good();
  fields["end_session_endpoint"] = "https://idp.example/end";
  fields["token_endpoint_auth_methods_supported"] = json::array{"client_secret_post"};
  fields["authorization_response_iss_parameter_supported"] = true;
  const auto facts = OidcFacts::parse(json::serialize(fields), kIssuer);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->token_endpoint, "https://login.example/o/token/");
  EXPECT_EQ(facts->end_session_endpoint, "https://idp.example/end");
  EXPECT_TRUE(facts->secret_in_body);
  EXPECT_TRUE(facts->names_itself);
  fields["token_endpoint_auth_methods_supported"] =
      json::array{"client_secret_post", "client_secret_basic"};
  EXPECT_FALSE(OidcFacts::parse(json::serialize(fields), kIssuer)->secret_in_body);
  EXPECT_FALSE(OidcFacts::parse(json::serialize(good()), kIssuer)->secret_in_body);
}

TEST(OidcFacts, of_another_provider_or_unsafe_are_refused) {
  EXPECT_EQ(fault_of(good()), "none");
  EXPECT_EQ(fault_of(good(), std::string(kIssuer) + "/"), "metadata: issuer");
  EXPECT_EQ(fault_of(json::array{}), "metadata: JSON");
  for (const char* field : {"authorization_endpoint", "token_endpoint", "jwks_uri"}) {
    for (const json::value& value : std::vector<json::value>{
             nullptr, 7, "", "idp.example", "http://idp.example/x", "ftp://idp.example/x",
             "https://idp.example/a b", "https://idp.example/\r\nX: 1", "https://u:p@idp.example/",
             "https://idp.example/#a", "javascript:alert(1)",
             json::value(json::string(3'000, 'a'))}) {
      json::object fields = good();
      fields[field] = value;
      EXPECT_EQ(fault_of(fields), std::string("metadata: ") + field) << json::serialize(value);
    }
  }
  json::object fields = good();
  fields["end_session_endpoint"] = "javascript:alert(1)";
  EXPECT_EQ(OidcFacts::parse(json::serialize(fields), kIssuer)->end_session_endpoint, "");
}

TEST(OidcFacts, addresses_keep_their_paths) {
  EXPECT_EQ(metadata_url(kIssuer), std::string(kIssuer) + "/.well-known/openid-configuration");
  EXPECT_EQ(metadata_url("https://a/"), "https://a/.well-known/openid-configuration");
  EXPECT_EQ(http_address("https://a/o/token/?x=1")->target, "/o/token/?x=1");
  EXPECT_EQ(http_address("https://a?x=1")->target, "/?x=1");
  EXPECT_EQ(http_address("https://a:8443")->target, "/");
  EXPECT_EQ(http_address("https://a:8443")->origin.port, "8443");
  EXPECT_FALSE(http_address("a.example/x"));
}

}  // namespace
}  // namespace xc::gateway

// A gateway with the tenants "default" and "acme", for tests of the admin routes.
#pragma once

#include <string>
#include <utility>

#include "gateway/gateway_test.h"

namespace xc::gateway {

using identity::Role;

inline constexpr const char* kPassword = "correct horse battery";

class AdminTest : public GatewayTest {
 protected:
  AdminTest() { EXPECT_TRUE(accounts_->tenants.create("acme")); }

  std::string key_of(Role role, std::string tenant, identity::Scopes::Texts scopes = {}) {
    identity::KeySpec spec{"test", std::move(tenant), "default", role, std::move(scopes), {}};
    const auto made = keys_->create(spec);
    EXPECT_TRUE(made) << (made ? "" : text_of(made.error(), Language::En));
    return made ? made->secret : "";
  }
  Reply as(const std::string& key, std::string method, std::string path, std::string body = "",
           HeaderList more = {}) {
    more.emplace_back("Authorization", "Bearer " + key);
    return send(std::move(method), std::move(path), std::move(body), std::move(more));
  }
  // The replies are the same but for the name that was asked for.
  void expect_alike(Reply one, const std::string& one_name, const Reply& other,
                    const std::string& other_name) {
    EXPECT_EQ(one.status, other.status);
    for (std::size_t at = one.body.find(one_name); at != std::string::npos;
         at = one.body.find(one_name, at + other_name.size())) {
      one.body.replace(at, one_name.size(), other_name);
    }
    EXPECT_EQ(one.body, other.body);
  }
};

}  // namespace xc::gateway

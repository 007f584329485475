// Tenants, keys and users through the real door: who may what, and who sees whom.
#include <future>
#include <map>
#include <thread>

#include "base/limits.h"
#include "gateway/admin_test.h"
#include "gateway/admin_work.h"
#include "gateway/router.h"
#include "identity/totp.h"

namespace xc::gateway {
namespace {

// --- role × route ---

// Who gets past the door, by letter: platform_admin, tenant_admin, developer, auditor,
// safety_officer and a key without a role (K) of the first tenant; in lower case of another tenant.
const std::map<std::string, std::string> kMatrix{
    {"GET /admin/whoami", "PTDASKtdask"},
    {"POST /admin/logout", "PTDAStdas"},
    {"GET /admin/tenants", "PTDAStdas"},
    {"POST /admin/tenants", "P"},
    {"PUT /admin/tenants/{tenant}", "PTt"},
    {"POST /admin/tenants/{tenant}/suspend", "P"},
    {"POST /admin/tenants/{tenant}/resume", "P"},
    {"GET /admin/workspaces", "PTDAStdas"},
    {"POST /admin/workspaces", "PTt"},
    {"GET /admin/keys", "PTDAStdas"},
    {"POST /admin/keys", "PTt"},
    {"POST /admin/keys/{key}/rotate", "PTt"},
    {"POST /admin/keys/{key}/revoke", "PTt"},
    {"POST /admin/keys/reload", "P"},
    {"GET /admin/users", "PTAStas"},
    {"POST /admin/users", "PTt"},
    {"POST /admin/users/{user}/password", "PTt"},
    {"POST /admin/users/{user}/totp", "PTt"},
    {"POST /admin/users/{user}/disable", "PTt"},
    {"POST /admin/users/{user}/enable", "PTt"},
    {"POST /admin/users/{user}/role", "PTt"},
    {"POST /admin/password", "PTDAStdas"},
    {"POST /admin/totp", "PTDAStdas"},
    {"POST /admin/totp/confirm", "PTDAStdas"},
    {"GET /admin/config", "PAS"},
    {"POST /admin/config/reload", "P"},
    {"GET /admin/alarms", "PAS"},
    {"POST /admin/alarms/{alarm}/acknowledge", "PS"},
    {"GET /admin/workers", "PAS"},
    {"GET /admin/engine", "PAS"},
    {"POST /admin/workers/{model}/stop", "P"},
    {"POST /admin/models/{model}/restart", "P"},
    {"GET /admin/pools", "PAS"},
    {"PUT /admin/pools/{pool}", "P"},
    {"POST /admin/pools/{pool}/remove", "P"},
    {"PUT /admin/endpoints/{endpoint}", "P"},
    {"POST /admin/endpoints/{endpoint}/remove", "P"},
    {"PUT /admin/routes/{model}", "P"},
    {"PUT /admin/clearances/{tenant}", "P"},
    {"GET /admin/quotas", "PTDAStdas"},
    {"PUT /admin/quotas", "PTt"},
    {"DELETE /admin/quotas", "PTt"},
    {"GET /admin/prices", "PTDAStdas"},
    {"PUT /admin/prices", "P"},
    {"GET /admin/usage", "PTDAStdas"},
    {"GET /admin/audit/head", "PTDAStdas"},
    {"GET /admin/audit/records", "PTAStas"},
    {"GET /admin/audit/proof", "PTDASKtdask"},
    {"GET /admin/audit/content", "PASas"},
    {"GET /admin/audit/export", "PAS"},
    {"POST /admin/audit/erase", "P"},
};

TEST_F(AdminTest, matrix_of_every_admin_route_and_every_role) {
  const std::map<char, Role> roles{{'T', Role::TenantAdmin},
                                   {'D', Role::Developer},
                                   {'A', Role::Auditor},
                                   {'S', Role::SafetyOfficer},
                                   {'K', Role::None}};
  std::map<char, std::string> callers{{'P', key_}};
  for (const auto& [letter, role] : roles) {
    callers[letter] = key_of(role, "default");
    callers[static_cast<char>(letter | 0x20)] = key_of(role, "acme");
  }
  for (const Route& route : routes()) {
    if (!route.pattern.starts_with("/admin/") || !route.needs_key) continue;
    const std::string name = std::string(route.method) + " " + std::string(route.pattern);
    const auto row = kMatrix.find(name);
    ASSERT_NE(row, kMatrix.end()) << name << " is not in the matrix of this test";
    std::string path(route.pattern);
    if (const std::size_t open = path.find('{'); open != std::string::npos) {
      path.replace(open, path.find('}') - open + 1, "nothing");
    }
    for (const auto& [letter, key] : callers) {
      const Reply reply = as(key, std::string(route.method), path, "{}");
      const bool allowed = row->second.find(letter) != std::string::npos;
      EXPECT_EQ(reply.status != 403, allowed) << name << " as " << letter << ": " << reply.body;
      EXPECT_NE(reply.status, 401) << name << " as " << letter;
      EXPECT_LT(reply.status, 500) << name << " as " << letter << ": " << reply.body;
    }
  }
}

// --- one tenant and another ---

TEST_F(AdminTest, a_tenant_admin_sees_one_tenant) {
  const std::string theirs = key_of(Role::TenantAdmin, "acme");
  ASSERT_TRUE(accounts_->users.create({"li", "default", Role::Auditor, kPassword}));
  ASSERT_TRUE(accounts_->users.create({"li", "acme", Role::Auditor, kPassword}));
  for (const char* list : {"tenants", "workspaces", "keys", "users"}) {
    const std::string path = std::string("/admin/") + list;
    const Reply all = get(path);
    const Reply own = as(theirs, "GET", path);
    EXPECT_NE(all.body.find("\"default\""), std::string::npos) << path;
    EXPECT_NE(all.body.find("\"acme\""), std::string::npos) << path;
    EXPECT_NE(own.body.find("\"acme\""), std::string::npos) << path;
    const boost::json::value document = own.json();
    for (const auto& row : document.at(list).as_array()) {
      const auto& object = row.as_object();
      const auto* tenant = object.if_contains("tenant");
      EXPECT_EQ((tenant ? *tenant : object.at("name")).as_string(), "acme") << path;
    }
  }
  EXPECT_EQ(as(theirs, "GET", "/admin/whoami").at("/tenant"), "acme");
  EXPECT_EQ(as(theirs, "GET", "/admin/whoami").at("/role"), "tenant_admin");
}

TEST_F(AdminTest, not_there_and_not_yours_look_the_same) {
  const std::string theirs = key_of(Role::TenantAdmin, "acme");
  const auto mine = keys_->create("mine", "default");
  const std::string none = "key_000000000000000000000000";
  const std::string none_hex(32, '0');
  ASSERT_TRUE(mine);
  for (const char* verb : {"/rotate", "/revoke"}) {
    for (const auto& [id, absent] :
         {std::pair(mine->record.id, none), std::pair(mine->record.service_id, none_hex)}) {
      const Reply there = as(theirs, "POST", "/admin/keys/" + id + verb);
      EXPECT_EQ(there.status, 404);
      expect_alike(there, id, as(theirs, "POST", "/admin/keys/" + absent + verb), absent);
    }
  }
  EXPECT_TRUE(keys_->verify(mine->secret, "unix")) << "nothing was changed";
  const std::string user =
      accounts_->users.create({"li", "default", Role::Developer, kPassword})->id;
  for (const auto& [verb, body] :
       {std::pair("/disable", ""), std::pair("/password", R"({"password":"another good one"})"),
        std::pair("/totp", R"({"enabled":true})"), std::pair("/enable", ""),
        std::pair("/role", R"({"role":"developer"})")}) {
    const Reply there = as(theirs, "POST", "/admin/users/" + user + verb, body);
    EXPECT_EQ(there.status, 404) << there.body;
    expect_alike(there, user, as(theirs, "POST", "/admin/users/" + none_hex + verb, body),
                 none_hex);
  }
  for (const auto& [path, body] :
       {std::pair("/admin/keys", R"("name":"x")"), std::pair("/admin/workspaces", R"("name":"x")"),
        std::pair("/admin/users", R"("name":"x","role":"developer",)"
                                  R"("password":"correct horse battery")")}) {
    const auto in = [&](const std::string& tenant) {
      return as(theirs, "POST", path, "{" + std::string(body) + R"(,"tenant":")" + tenant + "\"}");
    };
    const Reply there = in("default");
    EXPECT_EQ(there.status, 404) << there.body;
    // The workspace is called default too, so only the tenant's name is compared.
    const Reply absent = in("default2");
    EXPECT_EQ(absent.status, 404);
    EXPECT_EQ(there.at("/error/code"), absent.at("/error/code"));
    EXPECT_EQ(there.at("/error/message").size() + 1, absent.at("/error/message").size());
  }
  EXPECT_EQ(as(theirs, "POST", "/admin/users",
               R"({"name":"li","role":"developer","password":"correct horse battery"})")
                .status,
            200)
      << "another tenant's user of that name is nobody's business";
}

TEST_F(AdminTest, nobody_gives_more_than_they_have) {
  const std::string theirs = key_of(Role::TenantAdmin, "acme");
  EXPECT_EQ(as(theirs, "POST", "/admin/keys", R"({"name":"x","role":"platform_admin"})").status,
            403);
  EXPECT_EQ(as(theirs, "POST", "/admin/keys", R"({"name":"x","role":"tenant_admin"})").status, 200);
  // In the first tenant an auditor sees every tenant, which its tenant admin does not.
  const std::string first = key_of(Role::TenantAdmin, "default");
  EXPECT_EQ(as(first, "POST", "/admin/keys", R"({"name":"x","role":"auditor"})").status, 403);
  const std::string li = accounts_->users.create({"li", "acme", Role::Developer, kPassword})->id;
  const auto rise = [&](const char* role) {
    return as(theirs, "POST", "/admin/users/" + li + "/role",
              std::string(R"({"role":")") + role + "\"}")
        .status;
  };
  EXPECT_EQ(rise("platform_admin"), 403);
  EXPECT_EQ(rise("auditor"), 200);
  const std::string top = get("/admin/whoami").at("/key_id");  // a platform admin's
  EXPECT_EQ(as(first, "POST", "/admin/keys/" + top + "/rotate").status, 403);
  EXPECT_EQ(as(first, "POST", "/admin/keys/" + top + "/revoke").status, 403);
  EXPECT_EQ(get("/admin/keys").status, 200);
}

TEST_F(AdminTest, a_restricted_key_cannot_lift_its_restriction) {
  const std::string narrow = key_of(Role::TenantAdmin, "acme", {{"fake"}, {}, {}, {"127.0.0.0/8"}});
  EXPECT_EQ(as(narrow, "POST", "/admin/keys", R"({"name":"x"})").status, 403);
  EXPECT_EQ(as(narrow, "POST", "/admin/keys", R"({"name":"x","models":["fake","other"]})").status,
            403);
  EXPECT_EQ(as(narrow, "POST", "/admin/keys",
               R"({"name":"x","models":["fake"],"sources":["127.0.0.0/8"]})")
                .status,
            200);
  EXPECT_EQ(as(narrow, "POST", "/admin/users",
               R"({"name":"x","role":"developer","password":"correct horse battery"})")
                .status,
            403);
  const auto open = keys_->create("open", "acme");
  EXPECT_EQ(as(narrow, "POST", "/admin/keys/" + open->record.id + "/rotate").status, 403);
}

TEST_F(AdminTest, an_expiring_key_cannot_make_itself_permanent) {
  identity::KeySpec spec{"guest", "acme", "default", Role::TenantAdmin, {}, {}};
  spec.expires_unix_ms = clock_.unix_ms() + 3'600'000;
  const std::string guest = keys_->create(spec)->secret;
  const auto ask = [&](const char* path, const char* body) {
    return as(guest, "POST", path, body, {{"Accept-Language", "en"}});
  };
  const Reply lasting = ask("/admin/keys", R"({"name":"x","role":"tenant_admin"})");
  EXPECT_EQ(lasting.status, 403);
  EXPECT_NE(lasting.at("/error/message").find("A key that expires"), std::string::npos);
  EXPECT_EQ(ask("/admin/keys", R"({"name":"x","expires_in_s":7200})").status, 403);
  const Reply shorter = ask("/admin/keys", R"({"name":"x","expires_in_s":60})");
  EXPECT_EQ(shorter.status, 200) << shorter.body;
  // Turning a key gives its secret to whoever turned it.
  const auto open = keys_->create("open", "acme");
  EXPECT_EQ(ask(("/admin/keys/" + open->record.id + "/rotate").c_str(), "").status, 403);
  EXPECT_TRUE(keys_->verify(open->secret, "unix"));
  EXPECT_EQ(ask(("/admin/keys/" + shorter.at("/id") + "/rotate").c_str(), "").status, 200);
  EXPECT_EQ(ask("/admin/users",
                R"({"name":"x","role":"tenant_admin","password":"correct horse battery"})")
                .status,
            403);
  const auto user = accounts_->users.create({"li", "acme", Role::TenantAdmin, kPassword});
  EXPECT_EQ(
      ask(("/admin/users/" + user->id + "/password").c_str(), R"({"password":"another good one"})")
          .status,
      403);
  EXPECT_EQ(ask(("/admin/keys/" + open->record.id + "/revoke").c_str(), "").status, 200);
}

// --- heavy work ---

TEST_F(AdminTest, heavy_work_beyond_the_bound_is_refused_and_the_rest_goes_on) {
  const char* user = R"({"name":"x","role":"developer","password":"correct horse battery"})";
  {
    std::vector<Leave> all;
    for (int i = 0; i < limits::kHeavyWorkMax; ++i) all.push_back(take_leave());
    EXPECT_TRUE(all.back());
    EXPECT_FALSE(take_leave());
    for (const char* path : {"/admin/usage", "/admin/audit/records", "/admin/audit/export",
                             "/admin/audit/proof?index=0"}) {
      const Reply refused = get(path);
      EXPECT_EQ(refused.status, 429) << path << refused.body;
      EXPECT_EQ(refused.headers.get("Retry-After"), "1") << path;
    }
    EXPECT_EQ(post("/admin/users", user).status, 429);
    const char* limit = R"({"scope":"tenant","name":"acme","limits":{"concurrency":1}})";
    EXPECT_EQ(as(key_, "PUT", "/admin/quotas", limit).status, 429);
    EXPECT_EQ(as(key_, "DELETE", "/admin/quotas?scope=tenant&name=acme").status, 429);
    EXPECT_EQ(get("/admin/keys").status, 200);
  }
  for (const char* path : {"/admin/usage", "/admin/audit/records", "/admin/audit/export"}) {
    EXPECT_EQ(get(path).status, 200) << path;
  }
  EXPECT_EQ(post("/admin/users", user).status, 200);
}

// With the pool's threads held, the work waits there after its client left, and keeps its leave.
TEST_F(AdminTest, work_whose_client_left_still_counts) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  net::TaskGroup holders("holders");
  for (int i = 0; i < 2; ++i) {
    holders.spawn(loops_.runtime.executor(0), [this, released]() -> Task<void> {
      std::function<void()> hold = [released] { released.wait(); };
      co_await blocking_.run(std::move(hold));
    });
  }
  const auto leaves = [] {  // how many can be taken
    std::vector<Leave> all;
    while (Leave one = take_leave()) all.push_back(std::move(one));
    return static_cast<int>(all.size());
  };
  const auto becomes = [&leaves](int count) {
    for (int i = 0; i < 500 && leaves() != count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return leaves() == count;
  };
  {
    net::RawClient client(server_->address());
    client.send("GET /admin/usage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key_ +
                "\r\n\r\n");
    EXPECT_TRUE(becomes(limits::kHeavyWorkMax - 1));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(leaves(), limits::kHeavyWorkMax - 1);
  release.set_value();
  EXPECT_TRUE(becomes(limits::kHeavyWorkMax));
  loops_.run([&holders]() -> Task<void> {
    const Deadline soon = Deadline::after(std::chrono::seconds(5));
    co_await holders.join(soon);
  });
}

// --- the life of a key ---

TEST_F(AdminTest, a_key_from_its_making_to_its_end) {
  const Reply made = post(
      "/admin/keys", R"({"name":"robot","tenant":"acme","models":["fake"],"expires_in_s":60})");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.headers.get("Cache-Control"), "no-store");
  const std::string id = made.at("/id");
  const std::string secret = made.at("/key");
  EXPECT_EQ(made.at("/scopes/models"), R"(["fake"])");
  EXPECT_EQ(made.at("/role"), "none");
  EXPECT_EQ(made.at("/service_id").size(), 32u);
  EXPECT_EQ(get("/admin/keys").body.find(secret), std::string::npos);
  EXPECT_EQ(as(secret, "GET", "/v1/models").status, 200);

  const Reply turned = post("/admin/keys/" + id + "/rotate", R"({"overlap_s":600})");
  ASSERT_EQ(turned.status, 200) << turned.body;
  EXPECT_EQ(as(secret, "GET", "/v1/models").status, 200);
  EXPECT_EQ(as(turned.at("/key"), "GET", "/v1/models").status, 200);
  const Reply again = post("/admin/keys/" + turned.at("/service_id") + "/rotate", "");
  EXPECT_EQ(as(turned.at("/key"), "GET", "/v1/models").status, 401);
  EXPECT_EQ(as(again.at("/key"), "GET", "/v1/models").status, 200);
  EXPECT_EQ(post("/admin/keys/" + id + "/rotate", R"({"overlap_s":99999999})").status, 400);

  EXPECT_NE(post("/admin/keys/" + id + "/revoke", "").at("/revoked_unix_ms"), "null");
  EXPECT_EQ(as(again.at("/key"), "GET", "/v1/models").status, 401);
}

TEST_F(AdminTest, wrong_fields_are_named) {
  const auto param = [&](std::string body) { return post("/admin/keys", body).at("/error/param"); };
  EXPECT_EQ(param("{}"), "name");
  EXPECT_EQ(param(R"({"name":7})"), "name");
  EXPECT_EQ(param(R"({"name":"x","role":"root"})"), "role");
  EXPECT_EQ(param(R"({"name":"x","models":"fake"})"), "models");
  EXPECT_EQ(param(R"({"name":"x","models":[1]})"), "models[0]");
  EXPECT_EQ(param(R"({"name":"x","expires_in_s":0})"), "expires_in_s");
  EXPECT_EQ(post("/admin/keys", R"({"name":"x","sources":["10.0.0.1/8"]})").status, 400);
  EXPECT_EQ(post("/admin/tenants", R"({"name":"A B"})").status, 400);
  EXPECT_EQ(post("/admin/tenants", R"({"name":"acme"})").status, 409);
  EXPECT_EQ(post("/admin/workspaces", R"({"name":"w","tenant":"acme"})").status, 200);
  EXPECT_EQ(post("/admin/workspaces", R"({"name":"w","tenant":"acme"})").status, 409);
}

TEST_F(AdminTest, a_suspended_tenant_is_out_at_once) {
  const std::string theirs = key_of(Role::None, "acme");
  EXPECT_EQ(as(theirs, "GET", "/v1/models").status, 200);
  EXPECT_EQ(post("/admin/tenants/acme/suspend", "").status, 200);
  EXPECT_EQ(as(theirs, "GET", "/v1/models").status, 401);
  EXPECT_EQ(post("/admin/tenants/acme/resume", "").status, 200);
  EXPECT_EQ(as(theirs, "GET", "/v1/models").status, 200);
  EXPECT_EQ(post("/admin/tenants/default/suspend", "").status, 403);
  EXPECT_EQ(post("/admin/tenants/nobody/suspend", "").status, 404);
}

}  // namespace
}  // namespace xc::gateway

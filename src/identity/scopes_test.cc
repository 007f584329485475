#include "identity/scopes.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "identity/caller.h"

namespace xc::identity {
namespace {

TEST(Glob, stars_and_marks) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_TRUE(glob_matches("qwen*", "qwen3-8b:poet"));
  EXPECT_TRUE(glob_matches("*/absent", "vendor/absent"));
  EXPECT_TRUE(glob_matches("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(glob_matches("a*b*c", "a-b-b"));
  EXPECT_TRUE(glob_matches("tele?", "tele2"));
  EXPECT_FALSE(glob_matches("tele?", "tele"));
  EXPECT_FALSE(glob_matches("fake", "fake:poet"));
  EXPECT_FALSE(glob_matches("fake", "Fake"));
  EXPECT_TRUE(glob_matches("*a", "aaaa"));
  EXPECT_TRUE(glob_matches("a**", "a"));
}

TEST(Glob, hostile_patterns_end) {
  std::string pattern, text(2'000, 'a');
  for (int i = 0; i < 60; ++i) pattern += "a*";
  EXPECT_FALSE(glob_matches(pattern + "b", text));
}

bool in(const std::string& range, const std::string& peer) {
  const auto parsed = AddressRange::parse(range);
  EXPECT_TRUE(parsed) << range;
  return parsed && parsed->contains(peer);
}

TEST(AddressRange, holds_what_it_says) {
  EXPECT_TRUE(in("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(in("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(in("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(in("192.0.2.7", "192.0.2.8"));
  EXPECT_TRUE(in("192.0.2.128/25", "192.0.2.200"));
  EXPECT_FALSE(in("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(in("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(in("2001:db8::/32", "2001:db9::1"));
  EXPECT_TRUE(in("fe80::/10", "fe80::1%eth0"));
  EXPECT_TRUE(in("10.0.0.0/8", "::ffff:10.0.0.1"));
  EXPECT_TRUE(in("::ffff:10.0.0.1", "10.0.0.1"));
}

TEST(AddressRange, families_and_sockets_do_not_mix) {
  EXPECT_TRUE(in("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(in("0.0.0.0/0", "::1"));
  EXPECT_TRUE(in("::/0", "::1"));
  EXPECT_FALSE(in("::/0", "1.2.3.4"));
  EXPECT_FALSE(in("::/0", "::ffff:1.2.3.4"));
  EXPECT_FALSE(in("0.0.0.0/0", "unix"));
  EXPECT_TRUE(in("unix", "unix"));
  EXPECT_FALSE(in("unix", "127.0.0.1"));
  EXPECT_FALSE(in("0.0.0.0/0", ""));
  EXPECT_FALSE(in("0.0.0.0/0", "localhost"));
}

TEST(AddressRange, refuses_what_is_no_range) {
  for (const char* text :
       {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8", "10.0.0",
        "::/129", "::1/0", "fe80::1%eth0", "host", "10.0.0.0/8/8", " 10.0.0.0/8"}) {
    EXPECT_FALSE(AddressRange::parse(text)) << text;
  }
}

TEST(Scopes, empty_lists_allow_all) {
  const Scopes open;
  EXPECT_TRUE(open.allows_model("x"));
  EXPECT_TRUE(open.allows_route("/v1/models"));
  EXPECT_TRUE(open.allows_pool(""));
  EXPECT_TRUE(open.allows_source("nonsense"));
}

TEST(Scopes, items_are_checked) {
  EXPECT_TRUE(Scopes::of({{"a"}, {"/v1/*"}, {"p"}, {"::1"}}));
  EXPECT_FALSE(Scopes::of({{""}, {}, {}, {}}));
  EXPECT_FALSE(Scopes::of({{"a b"}, {}, {}, {}}));
  EXPECT_FALSE(Scopes::of({{}, {"a\n"}, {}, {}}));
  EXPECT_FALSE(Scopes::of({{}, {}, {std::string(limits::kScopeItemBytesMax + 1, 'x')}, {}}));
  EXPECT_FALSE(Scopes::of({{}, {}, {}, {"nowhere"}}));
}

TEST(Scopes, lists_as_text) {
  EXPECT_TRUE(split_list("").empty());
  EXPECT_EQ(split_list("a"), std::vector<std::string>{"a"});
  EXPECT_EQ(split_list("a,b"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(join_list({"a", "b"}), "a,b");
  EXPECT_EQ(join_list({}), "");
}

Caller caller(Role role, std::string tenant) {
  Caller made;
  made.role = role;
  made.tenant = std::move(tenant);
  return made;
}

TEST(Roles, have_names) {
  for (int i = 0; i < kRoles; ++i) {
    const auto role = static_cast<Role>(i);
    EXPECT_EQ(role_of_name(name_of(role)), role);
  }
  EXPECT_FALSE(role_of_name("root"));
  EXPECT_FALSE(role_of_name(""));
}

TEST(Roles, who_reaches_which_tenant) {
  EXPECT_TRUE(reaches(caller(Role::PlatformAdmin, "default"), "acme"));
  EXPECT_TRUE(reaches(caller(Role::Auditor, "default"), "acme"));
  EXPECT_FALSE(reaches(caller(Role::Auditor, "acme"), "default"));
  EXPECT_FALSE(reaches(caller(Role::TenantAdmin, "default"), "acme"));
  EXPECT_FALSE(reaches(caller(Role::TenantAdmin, "acme"), "acme2"));
  EXPECT_TRUE(reaches(caller(Role::None, "acme"), "acme"));
}

TEST(Roles, nobody_gives_more_than_they_have) {
  const Caller admin = caller(Role::TenantAdmin, "acme");
  EXPECT_TRUE(may_manage(admin, Role::TenantAdmin, "acme"));
  EXPECT_TRUE(may_manage(admin, Role::Auditor, "acme"));
  EXPECT_FALSE(may_manage(admin, Role::PlatformAdmin, "acme"));
  EXPECT_FALSE(may_manage(admin, Role::None, "other"));
  const Caller first = caller(Role::TenantAdmin, "default");
  EXPECT_FALSE(may_manage(first, Role::PlatformAdmin, "default"));
  EXPECT_FALSE(may_manage(first, Role::Auditor, "default"));  // would see every tenant
  EXPECT_TRUE(may_manage(first, Role::Developer, "default"));
  for (const Role role : {Role::None, Role::Developer, Role::Auditor, Role::SafetyOfficer}) {
    EXPECT_FALSE(may_manage(caller(role, "acme"), Role::None, "acme"));
  }
  EXPECT_TRUE(may_manage(caller(Role::PlatformAdmin, "default"), Role::PlatformAdmin, "default"));
}

TEST(Roles, a_restricted_key_stays_within_its_restriction) {
  Caller open = caller(Role::TenantAdmin, "acme");
  EXPECT_TRUE(within(open, {}));
  Caller narrow = open;
  narrow.scopes = std::make_shared<const Scopes>(*Scopes::of({{"a", "b"}, {}, {}, {"10.0.0.0/8"}}));
  EXPECT_FALSE(within(narrow, {}));
  EXPECT_FALSE(within(narrow, {{"a"}, {}, {}, {}}));
  EXPECT_FALSE(within(narrow, {{"a", "c"}, {}, {}, {"10.0.0.0/8"}}));
  EXPECT_TRUE(within(narrow, {{"a"}, {"/v1/*"}, {}, {"10.0.0.0/8"}}));
}

TEST(Roles, an_expiring_key_gives_no_longer_life) {
  Caller lasting = caller(Role::TenantAdmin, "acme");
  EXPECT_TRUE(within_life(lasting, std::nullopt));
  EXPECT_TRUE(within_life(lasting, 1));
  Caller expiring = lasting;
  expiring.expires_unix_ms = 1'000;
  EXPECT_FALSE(within_life(expiring, std::nullopt));
  EXPECT_FALSE(within_life(expiring, 1'001));
  EXPECT_TRUE(within_life(expiring, 1'000));
}

}  // namespace
}  // namespace xc::identity

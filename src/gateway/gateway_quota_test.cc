// Limits at the door, in the shape of every API; what was used.
#include "gateway/gateway_test.h"

namespace xc::gateway {
namespace {

using identity::Meter;
using identity::Scope;

class GatewayQuota : public GatewayTest {
 protected:
  ~GatewayQuota() override { EXPECT_TRUE(books_->ledger().audit().conserved); }
  void limit(std::string scope, std::string name, std::string meter, std::string value) {
    const Reply reply = put(R"({"scope":")" + scope + R"(","name":")" + name + R"(","limits":{")" +
                            meter + R"(":)" + value + "}}");
    EXPECT_EQ(reply.status, 200) << reply.body;
  }
  Reply put(std::string body) { return send("PUT", "/admin/quotas", std::move(body), with_key()); }
  Reply complete(std::string more = "") {
    return post("/v1/completions", R"({"model":"f","prompt":"x","max_tokens":3)" + more + "}",
                {{"Accept-Language", "en"}});
  }
  identity::Balance tenant(Meter meter) {
    for (int i = 0; i < 500 && books_->ledger().audit().open > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return books_->ledger().balance(Scope::Tenant, "default", meter);
  }
};

TEST_F(GatewayQuota, a_rate_says_when_to_come_again) {
  limit("tenant", "default", "requests_per_minute", "1");
  EXPECT_EQ(complete().status, 200);
  const Reply reply = complete();
  EXPECT_EQ(reply.status, 429);
  const int wait = std::stoi(std::string(reply.headers.get("Retry-After")));
  EXPECT_TRUE(wait > 0 && wait <= 60) << wait;
  EXPECT_EQ(reply.at("/error/code"), "rate_limit_exceeded");
  EXPECT_NE(reply.at("/error/message").find("(tenant)"), std::string::npos) << reply.body;
}

TEST_F(GatewayQuota, a_budget_that_is_used_up_in_every_shape) {
  limit("workspace", "default/default", "tokens_per_day", "0");
  const Reply openai = complete();
  EXPECT_EQ(openai.status, 402);
  EXPECT_EQ(openai.at("/error/type"), "insufficient_quota");
  EXPECT_EQ(openai.at("/error/code"), "insufficient_quota");
  EXPECT_EQ(openai.headers.get("Retry-After"), "");
  const std::string message =
      R"({"model":"f","max_tokens":9,"messages":[{"role":"user","content":"x"}]})";
  const Reply anthropic = post("/v1/messages", message);
  EXPECT_EQ(anthropic.status, 402);
  EXPECT_EQ(anthropic.at("/error/type"), "billing_error");
  EXPECT_NE(anthropic.at("/error/message").find("预算"), std::string::npos);
  EXPECT_EQ(post("/v1/embeddings", R"({"model":"f","input":"x"})").status, 402);
  const std::string chat = R"({"model":"f","messages":[{"role":"user","content":"x"}]})";
  EXPECT_EQ(post("/api/chat", chat).status, 402);
  EXPECT_EQ(post("/api/generate", R"({"model":"f","prompt":"x","raw":true})").status, 402);
  EXPECT_EQ(post("/api/embed", R"({"model":"f","input":"x"})").status, 402);
  EXPECT_EQ(post("/v1/chat/completions", chat).status, 402);
  EXPECT_EQ(post("/v1/responses", R"({"model":"f","input":"x"})").status, 402);
  EXPECT_EQ(post("/v1/rerank", R"({"model":"f","query":"a","documents":["x"]})").status, 402);
  EXPECT_EQ(post("/tokenize", R"({"model":"f","content":"x"})").status, 200);  // is free
  limit("workspace", "default/default", "tokens_per_day", "null");
  EXPECT_EQ(complete().status, 200);
}

TEST_F(GatewayQuota, spends_what_the_reply_says) {
  limit("tenant", "default", "tokens_per_month", "1000000");
  EXPECT_EQ(send("PUT", "/admin/prices", R"({"model":"fake","input":1000000,"output":2000000})",
                 with_key())
                .status,
            200);
  limit("tenant", "default", "micro_yuan_per_day", "1000000");
  const Reply reply = complete();
  const std::int64_t prompt = std::stoll(reply.at("/usage/prompt_tokens"));
  const std::int64_t completion = std::stoll(reply.at("/usage/completion_tokens"));
  EXPECT_EQ(tenant(Meter::TokensMonth).settled, prompt + completion);
  EXPECT_EQ(tenant(Meter::MoneyDay).settled, prompt + 2 * completion);
  EXPECT_EQ(tenant(Meter::MoneyDay).reserved, 0);
  const Reply rules = get("/admin/quotas?scope=tenant");
  EXPECT_EQ(rules.json().at("quotas").as_array().size(), 2u);
}

TEST_F(GatewayQuota, an_answer_that_outgrows_its_budget_is_ended) {
  limit("tenant", "default", "tokens_per_day", "1500");
  const Reply reply = post("/v1/chat/completions", chat_body("talk for ever", R"(,"stream":true)"));
  EXPECT_EQ(reply.status, 200);
  const auto events = reply.events();
  ASSERT_FALSE(events.empty());
  bool told = false;
  for (const net::SseEvent& event : events) {
    told |= event.data.find("insufficient_quota") != std::string::npos;
  }
  EXPECT_TRUE(told) << events.back().data;
  const identity::Balance day = tenant(Meter::TokensDay);
  EXPECT_GT(day.settled, 1'000);
  EXPECT_LE(day.settled, 1'500);
  EXPECT_EQ(day.reserved, 0);
}

TEST_F(GatewayQuota, a_whole_answer_that_outgrows_its_budget_is_billed) {
  limit("tenant", "default", "tokens_per_day", "1500");
  const Reply reply = post("/v1/chat/completions", chat_body("talk for ever"));
  EXPECT_EQ(reply.status, 402) << reply.body;
  const identity::Balance day = tenant(Meter::TokensDay);
  EXPECT_GT(day.settled, 1'000);
  EXPECT_LE(day.settled, 1'500);
}

TEST_F(GatewayQuota, a_whole_answer_that_ran_out_of_time_is_billed) {
  limit("tenant", "default", "tokens_per_day", "100000");
  // So that the worker is there.
  EXPECT_EQ(post("/tokenize", R"({"model":"f","content":"x"})").status, 200);
  const Reply reply =
      post("/v1/chat/completions", chat_body("talk for ever"), {{"X-Xingcha-Deadline", "1000"}});
  EXPECT_EQ(reply.status, 408) << reply.body;
  EXPECT_GT(tenant(Meter::TokensDay).settled, 0);
}

TEST_F(GatewayQuota, a_whole_answer_that_the_endpoint_breaks_off_is_not_billed) {
  limit("tenant", "default", "tokens_per_day", "100000");
  EXPECT_EQ(post("/v1/chat/completions", chat_body("break upstream")).status, 502);
  EXPECT_EQ(post("/v1/chat/completions", chat_body("break late")).status, 503);
  EXPECT_EQ(tenant(Meter::TokensDay).settled, 0);
}

TEST_F(GatewayQuota, concurrency_is_given_back_when_a_client_goes) {
  limit("key", keys_->list()->front().id, "concurrency", "1");
  {
    const auto client =
        begin("/v1/chat/completions", R"({"model":"f","stream":true,"messages":)"
                                      R"([{"role":"user","content":"talk for ever"}]})");
    client->read_until("\"x\"");
    const Reply second = complete();
    EXPECT_EQ(second.status, 429);
    EXPECT_EQ(second.headers.get("Retry-After"), "1");
  }
  tenant(Meter::Running);
  EXPECT_EQ(complete().status, 200);
}

TEST_F(GatewayQuota, bad_rules_are_refused) {
  EXPECT_EQ(put(R"({"scope":"planet","name":"x","limits":{"concurrency":1}})").status, 400);
  EXPECT_EQ(put(R"({"scope":"key","name":"x","limits":{"tokens":1}})").status, 400);
  EXPECT_EQ(put(R"({"scope":"key","name":"x","limits":{"concurrency":-1}})").status, 400);
  EXPECT_EQ(put(R"({"scope":"key","name":"x","limits":{}})").status, 400);
  EXPECT_EQ(put(R"({"scope":"key","name":"","limits":{"concurrency":1}})").status, 400);
  EXPECT_EQ(put("[]").status, 400);
  EXPECT_EQ(send("PUT", "/admin/prices", R"({"model":"m","input":-1})", with_key()).status, 400);
  EXPECT_EQ(get("/admin/quotas").json().at("quotas").as_array().size(), 0u);
}

TEST_F(GatewayQuota, times_beyond_the_calendar_are_refused_and_named) {
  for (const char* name : {"to", "from"}) {
    const Reply refused = get(std::string("/admin/usage?") + name + "=9223372036854775807");
    EXPECT_EQ(refused.status, 400) << refused.body;
    EXPECT_EQ(refused.at("/error/param"), name);
  }
  EXPECT_EQ(get("/admin/usage?from=0&to=253402300799999").status, 200);
}

TEST_F(GatewayQuota, usage_by_any_dimension) {
  complete();
  complete();
  complete(R"(,"stream":true)");
  tenant(Meter::Running);
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(books_->roll_up());
    if (get("/admin/usage").at("/usage/0/requests") == "3") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const Reply by = get("/admin/usage?group_by=model,ended,day");
  ASSERT_EQ(by.status, 200) << by.body;
  EXPECT_EQ(by.at("/usage/0/model"), "fake");
  EXPECT_EQ(by.at("/usage/0/ended"), "done");
  EXPECT_EQ(by.at("/usage/0/requests"), "3");
  EXPECT_EQ(get("/admin/usage?tenant=other").at("/usage/0/requests"), "0");
  EXPECT_EQ(get("/admin/usage?group_by=colour").status, 400);
  EXPECT_EQ(get("/admin/usage?from=yesterday").status, 400);
}

TEST_F(GatewayQuota, a_tenant_sees_nothing_of_another) {
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  const std::string theirs =
      keys_->create({"a", "acme", "default", identity::Role::TenantAdmin, {}, {}})->secret;
  const auto as_them = [&](std::string path) {
    return send("GET", std::move(path), "", {{"Authorization", "Bearer " + theirs}});
  };
  limit("tenant", "default", "tokens_per_day", "1000");  // is not theirs to spend
  complete();
  tenant(Meter::Running);
  for (int i = 0; i < 300 && get("/admin/usage").at("/usage/0/requests") != "1"; ++i) {
    ASSERT_TRUE(books_->roll_up());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(get("/admin/usage").at("/usage/0/requests"), "1");
  EXPECT_EQ(as_them("/admin/usage").at("/usage/0/requests"), "0");
  EXPECT_EQ(as_them("/admin/usage?tenant=default").at("/usage/0/requests"), "0");
  EXPECT_EQ(as_them("/admin/usage?group_by=tenant,key").json().at("usage").as_array().size(), 0u);
  EXPECT_GT(get("/admin/audit/records").json().at("records").as_array().size(), 0u);
  const Reply records = as_them("/admin/audit/records?tenant=default");
  EXPECT_EQ(records.json().at("records").as_array().size(), 0u) << records.body;
  EXPECT_EQ(as_them("/admin/quotas").json().at("quotas").as_array().size(), 0u);
  EXPECT_EQ(as_them("/admin/audit/export").status, 403);
}

// Who manages a tenant sees what it was given and divides it; the grant itself is the platform's.
TEST_F(GatewayQuota, a_tenant_divides_what_it_was_given) {
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  const auto key = [this](std::string tenant, identity::Role role) {
    return *keys_->create({"k", std::move(tenant), "default", role, {}, {}});
  };
  const identity::KeyStore::NewKey admin = key("acme", identity::Role::TenantAdmin);
  const identity::KeyStore::NewKey robot = key("acme", identity::Role::None);
  const std::string foreign = key("default", identity::Role::None).record.id;
  const auto as = [this](const std::string& secret, const char* method, const std::string& body) {
    return send(method, "/admin/quotas", body, {{"Authorization", "Bearer " + secret}});
  };
  const auto set = [&](const std::string& scope, const std::string& name) {
    return as(
        admin.secret, "PUT",
        R"({"scope":")" + scope + R"(","name":")" + name + R"(","limits":{"tokens_per_day":10}})");
  };
  limit("tenant", "acme", "tokens_per_day", "1000");
  limit("tenant", "default", "tokens_per_day", "1000");
  limit("model", "fake", "tokens_per_day", "1000");
  limit("key", foreign, "tokens_per_day", "1000");
  EXPECT_EQ(set("tenant", "acme").status, 403);
  EXPECT_EQ(set("model", "fake").status, 403);
  EXPECT_EQ(set("workspace", "acme/default").status, 200);
  EXPECT_EQ(set("key", robot.record.service_id).status, 200);
  const Reply theirs = set("key", foreign);
  EXPECT_EQ(theirs.status, 404);
  EXPECT_EQ(theirs.at("/error/code"), set("key", "key_nobody").at("/error/code"));
  EXPECT_EQ(set("workspace", "default/default").status, 404);
  EXPECT_EQ(set("workspace", "acme").status, 404);
  const boost::json::value seen = as(admin.secret, "GET", "").json();
  std::vector<std::string> names;
  for (const auto& row : seen.at("quotas").as_array()) {
    names.emplace_back(row.at("name").as_string());
  }
  EXPECT_EQ(names, (std::vector<std::string>{robot.record.id, "acme", "acme/default"}));
  const std::string developer = key("acme", identity::Role::Developer).secret;
  EXPECT_EQ(as(developer, "GET", "").status, 200);
  EXPECT_EQ(as(developer, "PUT", "{}").status, 403);
  const auto call = [&] {
    return send("POST", "/v1/completions", R"({"model":"f","prompt":"x","max_tokens":30})",
                {{"Authorization", "Bearer " + robot.secret}});
  };
  EXPECT_EQ(call().status, 402) << "its limit is in force";
}

// A limit of an account that is not there holds nobody back: better said than kept.
TEST_F(GatewayQuota, limits_of_nobody_are_refused) {
  for (const char* account :
       {R"("scope":"key","name":"key_nobody")", R"("scope":"tenant","name":"nobody")",
        R"("scope":"workspace","name":"default/nowhere")"}) {
    const Reply refused = put("{" + std::string(account) + R"(,"limits":{"concurrency":1}})");
    EXPECT_EQ(refused.status, 404) << refused.body;
  }
  EXPECT_EQ(get("/admin/quotas").json().at("quotas").as_array().size(), 0u);
}

// Left by an older program, or by hands in the database: it is listed, and can be taken away.
TEST_F(GatewayQuota, limits_of_who_is_gone_are_listed_and_taken_away) {
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  const auto theirs = *keys_->create({"k", "acme", "default", identity::Role::TenantAdmin, {}, {}});
  const auto remove = [this](const std::string& account, const std::string& secret) {
    return send("DELETE", "/admin/quotas?" + account, "", {{"Authorization", "Bearer " + secret}});
  };
  const auto rows = [this](const std::string& query) {
    return get("/admin/quotas" + query).json().at("quotas").as_array().size();
  };
  limit("tenant", "acme", "tokens_per_day", "1000");
  limit("key", theirs.record.id, "tokens_per_day", "1000");
  limit("key", theirs.record.id, "concurrency", "5");
  limit("model", "fake", "tokens_per_day", "1000");
  const std::vector<identity::Rule> gone{
      {identity::Scope::Key, "key_gone", identity::Meter::TokensDay, 10},
      {identity::Scope::Tenant, "gone", identity::Meter::Running, 10},
      {identity::Scope::Workspace, "acme/gone", identity::Meter::Running, 10}};
  for (const identity::Rule& rule : gone) ASSERT_TRUE(books_->rules().set({rule}));
  EXPECT_EQ(rows(""), 7u);
  EXPECT_EQ(rows("?gone=true"), 3u);
  EXPECT_EQ(get("/admin/quotas?gone=maybe").status, 400);
  EXPECT_EQ(remove("scope=key&name=key_gone", theirs.secret).status, 404);
  EXPECT_EQ(remove("scope=tenant&name=gone", theirs.secret).status, 403);
  EXPECT_EQ(rows("?gone=true"), 3u);
  for (const char* account :
       {"scope=key&name=key_gone", "scope=tenant&name=gone", "scope=workspace&name=acme/gone"}) {
    EXPECT_EQ(remove(account, key_).status, 200) << account;
    EXPECT_EQ(remove(account, key_).status, 404) << account << " once more";
  }
  EXPECT_EQ(rows("?gone=true"), 0u);
  // Of an account that is there, who may set them: all at once.
  EXPECT_EQ(remove("scope=key&name=" + theirs.record.service_id, theirs.secret).status, 200);
  EXPECT_EQ(remove("scope=tenant&name=acme", theirs.secret).status, 403);
  EXPECT_EQ(rows(""), 2u);
  EXPECT_EQ(remove("scope=model&name=fake", key_).status, 200);
  EXPECT_EQ(remove("scope=tenant&name=acme", key_).status, 200);
  EXPECT_EQ(rows(""), 0u);
  EXPECT_EQ(remove("scope=planet&name=x", key_).status, 400);
  EXPECT_EQ(remove("scope=key", key_).status, 400);
}

TEST_F(GatewayQuota, the_record_says_what_was_set) {
  limit("tenant", "default", "tokens_per_day", "1000");
  EXPECT_EQ(
      send("PUT", "/admin/prices", R"({"model":"fake","input":5,"output":7})", with_key()).status,
      200);
  for (const char* said :
       {"tenant default: tokens_per_day=1000", "model fake: input=5, cached=5, output=7"}) {
    EXPECT_TRUE(net::eventually([&] {
      return get("/admin/audit/records?kind=event").body.find(said) != std::string::npos;
    })) << said;
  }
}

TEST_F(GatewayQuota, the_metrics_show_that_nothing_is_lost) {
  limit("tenant", "default", "tokens_per_day", "100000");
  complete();
  tenant(Meter::Running);
  const std::string text = get("/metrics").body;
  EXPECT_NE(text.find("xingcha_quota_conserved 1"), std::string::npos);
  EXPECT_NE(text.find("xingcha_quota{meter=\"tokens_per_day\",part=\"granted\",scope=\"tenant\"}"
                      " 100000"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("xingcha_quota_reservations 0"), std::string::npos);
}

}  // namespace
}  // namespace xc::gateway

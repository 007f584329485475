// What is kept of calls, and who reads and erases it.
#include <algorithm>

#include "gateway/gateway_audit_test.h"
#include "gateway/kept_content.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;
using identity::Role;

class GatewayContent : public GatewayAudit {
 protected:
  void keep(std::string_view what = "full", const std::string& tenant = "default") {
    const Reply set = send("PUT", "/admin/tenants/" + tenant,
                           R"({"audit_content":")" + std::string(what) + "\"}", with_key());
    ASSERT_EQ(set.status, 200) << set.body;
    EXPECT_EQ(set.at("/audit_content"), what);
  }
  std::string key_of(Role role, std::string tenant) {
    return keys_->create({"test", std::move(tenant), "default", role, {}, {}})->secret;
  }
  Reply as(const std::string& key, std::string method, std::string path, std::string body = "") {
    return send(std::move(method), std::move(path), std::move(body),
                {{"Authorization", "Bearer " + key}});
  }
  // Of the calls of models: the admissions and settlements of administrators have none.
  std::vector<std::string> prompts() { return of_models("admission"); }
  // Once `count` calls have ended.
  std::vector<std::string> answers(std::size_t count) {
    for (int i = 0; i < 500 && of_models("settlement").size() < count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return of_models("settlement");
  }
  std::vector<json::object> events(std::string_view name) {
    std::vector<json::object> found;
    for (const json::object& event : records("event")) {
      if (event.at("event").as_string() == name) found.push_back(event);
    }
    return found;
  }
  // The index of the last admission or settlement that has a content.
  std::string leaf_with_content(std::string_view kind) {
    records(kind);
    for (std::uint64_t at = log_->head().size; at-- > 0;) {
      const audit::Entry entry = *log_->read(at);
      if (name_of(entry.leaf.kind) == kind && entry.content.fate == audit::Fate::Kept) {
        return std::to_string(at);
      }
    }
    return "none";
  }

 private:
  std::vector<std::string> of_models(std::string_view kind) {
    const std::vector<json::object> found = records(kind);
    const std::vector<std::string> all = contents(kind);
    std::vector<std::string> of_calls;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i].contains("model")) of_calls.push_back(all[i]);
    }
    return of_calls;
  }
};

constexpr const char* kRead = "/admin/audit/content?index=";

TEST_F(GatewayContent, nothing_is_kept_unless_the_tenant_says_so) {
  EXPECT_EQ(get("/admin/tenants").at("/tenants/0/audit_content"), "none");
  EXPECT_EQ(post("/v1/chat/completions", chat_body("think first")).status, 200);
  EXPECT_EQ(answers(1), std::vector<std::string>{""});
  EXPECT_EQ(prompts(), std::vector<std::string>{""});
  keep();
  keep("none");
  EXPECT_EQ(post("/v1/chat/completions", chat_body("think first")).status, 200);
  EXPECT_EQ(answers(2), (std::vector<std::string>{"", ""}));
  EXPECT_EQ(events("audit_content_set").size(), 2u);
  EXPECT_EQ(events("audit_content_set")[1].at("subject").as_string(), "none");
  EXPECT_EQ(events("audit_content_set")[1].at("tenant").as_string(), "default");
}

TEST_F(GatewayContent, what_was_asked_and_answered_is_kept) {
  keep();
  const std::string plain = chat_body("think first");
  const std::string stream = chat_body("think first", R"(,"stream":true)");
  const std::string tool = chat_body("use the tool", R"(,"stream":true)");
  for (const std::string& body : {plain, stream, tool}) {
    EXPECT_EQ(post("/v1/chat/completions", body).status, 200);
    answers(prompts().size());
  }
  const std::string thought =
      R"({"choices":[{"index":0,"reasoning":"hm","content":"yes","finish":"stop"}]})";
  EXPECT_EQ(prompts(), (std::vector<std::string>{plain, stream, tool}));
  EXPECT_EQ(answers(3), (std::vector<std::string>{
                            thought, thought,
                            R"({"choices":[{"index":0,"tool_calls":[{"id":"call_1","name":"add",)"
                            R"("arguments":"{\"a\":1}"}],"finish":"tool_calls"}]})"}));
  for (const json::object& record : records("admission")) {
    EXPECT_EQ(record.contains("content_hash"), record.contains("model"));
    EXPECT_FALSE(record.contains("content_cut_from"));
  }
}

TEST_F(GatewayContent, every_shape_is_kept_as_it_came) {
  keep();
  const std::vector<std::pair<std::string, std::string>> calls{
      {"/v1/completions", R"({"model":"f","prompt":"x","max_tokens":3})"},
      {"/v1/messages",
       R"({"model":"f","max_tokens":9,"messages":[{"role":"user","content":"think first"}]})"},
      {"/v1/responses", R"({"model":"f","input":"think first"})"},
      {"/api/chat", R"({"model":"f","messages":[{"role":"user","content":"think first"}]})"},
      {"/v1/embeddings", R"({"model":"f","input":"x"})"},
      {"/v1/rerank", R"({"model":"f","query":"abc","documents":["xyz"]})"},
      {"/tokenize", R"({"model":"f","content":"x"})"},
  };
  std::vector<std::string> bodies;
  for (const auto& [path, body] : calls) {
    EXPECT_EQ(post(path, body).status, 200) << path;
    bodies.push_back(body);
    answers(bodies.size());
  }
  EXPECT_EQ(prompts(), bodies);
  const std::vector<std::string> kept = answers(calls.size());
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NE(kept[i], "") << calls[i].first;
  // Vectors, scores and tokens follow from the request.
  for (std::size_t i = 4; i < calls.size(); ++i) EXPECT_EQ(kept[i], "") << calls[i].first;
}

TEST_F(GatewayContent, keys_and_headers_are_not_in_it) {
  keep();
  post("/v1/chat/completions", chat_body("hello"), {{"X-Secret", "hidden"}});
  const std::string all = prompts()[0] + answers(1)[0];
  EXPECT_EQ(all.find(key_), std::string::npos);
  EXPECT_EQ(all.find("hidden"), std::string::npos);
}

TEST_F(GatewayContent, an_answer_that_broke_off_is_kept_as_far_as_it_went) {
  keep();
  post("/v1/chat/completions", chat_body("break late", R"(,"stream":true)"));
  EXPECT_EQ(answers(1)[0], R"({"choices":[{"index":0,"content":"first"}]})");
  {
    const auto client =
        begin("/v1/chat/completions", chat_body("talk for ever", R"(,"stream":true)"));
    EXPECT_NE(client->read_until("\"x\""), "");
  }
  EXPECT_TRUE(answers(2)[1].starts_with(R"({"choices":[{"index":0,"content":"x)"));
  EXPECT_EQ(answers(2)[1].find("finish"), std::string::npos);
  // Nobody saw any of these.
  EXPECT_GE(post("/v1/chat/completions", chat_body("break upstream")).status, 500);
  EXPECT_EQ(answers(3)[2], "");
  EXPECT_EQ(post("/v1/completions", R"({"model":"absent","prompt":"x"})").status, 503);
  EXPECT_EQ(answers(4)[3], "");
  EXPECT_EQ(prompts()[3], R"({"model":"absent","prompt":"x"})");
}

TEST_F(GatewayContent, what_is_refused_before_is_not_kept) {
  keep();
  EXPECT_EQ(post("/v1/completions", R"({"model":"none","prompt":"a secret"})").status, 404);
  for (int i = 0; i < 300 && events("refused").empty(); ++i) {
  }
  ASSERT_EQ(events("refused").size(), 1u);
  for (std::uint64_t at = 0; at < log_->head().size; ++at) {
    EXPECT_EQ(log_->read(at)->content.fate, audit::Fate::None);
    EXPECT_EQ(log_->read(at)->record.text.find("secret"), std::string::npos);
  }
}

TEST_F(GatewayContent, a_long_one_is_cut_and_the_record_says_so) {
  keep();
  std::string text;
  while (text.size() < kKeptBytesMax) text += "星槎";
  const std::string body = R"({"model":"f","content":")" + text + "\"}";
  EXPECT_LT(post("/tokenize", body).status, 500);
  const json::object record = records("admission").back();
  EXPECT_EQ(record.at("content_cut_from").as_int64(), static_cast<std::int64_t>(body.size()));
  EXPECT_TRUE(body.starts_with(prompts()[0]));
  const Reply read = get(kRead + leaf_with_content("admission"));
  EXPECT_EQ(read.at("/cut_from"), std::to_string(body.size()));
  answers(1);
  EXPECT_TRUE(audit::verify(log_->folder(), {})->good());
}

TEST_F(GatewayContent, reading_is_recorded_and_stays_within_the_tenant) {
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  ASSERT_TRUE(accounts_->tenants.create("other"));
  keep("full", "acme");
  const std::string body = chat_body("think first");
  EXPECT_EQ(as(key_of(Role::None, "acme"), "POST", "/v1/chat/completions", body).status, 200);
  EXPECT_EQ(post("/v1/chat/completions", body).status, 200);  // of "default": not kept
  answers(2);
  EXPECT_EQ(prompts(), (std::vector<std::string>{body, ""}));
  const std::string leaf = leaf_with_content("admission");
  const std::string theirs = key_of(Role::Auditor, "acme"), others = key_of(Role::Auditor, "other");
  const Reply read = as(theirs, "GET", kRead + leaf);
  ASSERT_EQ(read.status, 200) << read.body;
  EXPECT_EQ(read.at("/content"), body);
  EXPECT_EQ(read.at("/tenant"), "acme");
  EXPECT_EQ(read.at("/fate"), "kept");
  for (const Role role : {Role::Auditor, Role::SafetyOfficer, Role::PlatformAdmin}) {
    EXPECT_EQ(as(key_of(role, "default"), "GET", kRead + leaf).at("/content"), body);
  }
  const Reply refused = as(others, "GET", kRead + leaf);
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.at("/error/code"),
            as(others, "GET", kRead + std::string("999999")).at("/error/code"));
  EXPECT_EQ(as(key_of(Role::TenantAdmin, "acme"), "GET", kRead + leaf).status, 403);
  EXPECT_EQ(get("/admin/audit/content").status, 400);
  const std::vector<json::object> reads = events("content_read");
  ASSERT_EQ(reads.size(), 4u);
  for (const json::object& one : reads) {
    EXPECT_EQ(one.at("tenant").as_string(), "acme");
    EXPECT_EQ(one.at("subject").as_string(), "leaf " + leaf);
  }
  const Reply found =
      as(theirs, "GET", "/admin/audit/records?kind=admission&request=" + read.at("/request"));
  EXPECT_EQ(found.at("/records/0/content"), "kept");
}

TEST_F(GatewayContent, nothing_is_read_unrecorded) {
  keep();
  post("/v1/chat/completions", chat_body("hello"));
  answers(1);
  const std::string leaf = leaf_with_content("admission");
  log_->close();
  EXPECT_EQ(get(kRead + leaf).status, 503);
  EXPECT_EQ(get("/admin/audit/export?content=true").status, 503);
  EXPECT_EQ(get("/admin/audit/export").status, 200);
}

TEST_F(GatewayContent, a_tenants_administrator_decides_for_it_alone) {
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  const std::string admin = key_of(Role::TenantAdmin, "acme");
  const std::string full = R"({"audit_content":"full"})";
  EXPECT_EQ(as(admin, "PUT", "/admin/tenants/acme", full).at("/audit_content"), "full");
  EXPECT_EQ(as(admin, "PUT", "/admin/tenants/default", full).status, 404);
  EXPECT_EQ(as(admin, "PUT", "/admin/tenants/nobody", full).status, 404);
  EXPECT_EQ(as(key_of(Role::Auditor, "acme"), "PUT", "/admin/tenants/acme", full).status, 403);
  EXPECT_EQ(as(admin, "PUT", "/admin/tenants/acme", R"({"audit_content":"some"})").status, 400);
  EXPECT_EQ(as(admin, "PUT", "/admin/tenants/acme", "{}").status, 400);
  EXPECT_EQ(accounts_->tenants.find("default")->audit_content, identity::AuditContent::None);
}

TEST_F(GatewayContent, exports_have_it_when_asked_and_say_to_whom_it_belongs) {
  keep();
  post("/v1/chat/completions", chat_body("think first"));
  answers(1);
  const std::string without = get("/admin/audit/export").body;
  EXPECT_EQ(without.find("think first"), std::string::npos);
  EXPECT_TRUE(events("content_exported").empty());
  for (const char* format : {"jsonl", "csv"}) {
    const Reply with = get(std::string("/admin/audit/export?content=true&format=") + format);
    EXPECT_NE(with.body.find("think first"), std::string::npos) << format;
    EXPECT_NE(with.body.find("reasoning"), std::string::npos) << format;
  }
  ASSERT_EQ(events("content_exported").size(), 2u);
  EXPECT_EQ(events("content_exported")[0].at("tenant").as_string(), "default");
  EXPECT_EQ(events("content_exported")[0].at("subject").as_string(), "2 leaves");
}

TEST_F(GatewayContent, contents_are_erased_by_leaf_by_request_and_by_tenant) {
  ASSERT_TRUE(accounts_->tenants.create("acme"));
  keep();
  keep("full", "acme");
  const std::string theirs = key_of(Role::None, "acme");
  const auto erase = [this](std::string what) {
    return post("/admin/audit/erase", "{" + what + R"(,"what":"content","reason":"asked"})");
  };
  for (const char* id : {"one", "two", "three"}) {
    post("/v1/chat/completions", chat_body("think first"), {{"X-Request-Id", id}});
  }
  as(theirs, "POST", "/v1/chat/completions", chat_body("think first"));
  answers(4);
  const auto kept = [this] {
    return std::ranges::count_if(contents("admission"), [](const auto& c) { return !c.empty(); }) +
           std::ranges::count_if(contents("settlement"), [](const auto& c) { return !c.empty(); });
  };
  EXPECT_EQ(kept(), 8);
  const std::string leaf = leaf_with_content("admission");
  EXPECT_EQ(erase("\"index\":" + leaf).at("/leaves"), "1");
  EXPECT_EQ(get(kRead + leaf).at("/fate"), "erased");
  EXPECT_EQ(get(kRead + leaf).at("/content"), "null");
  EXPECT_EQ(kept(), 7);
  EXPECT_EQ(erase(R"("request":"two")").at("/leaves"), "2");
  EXPECT_EQ(erase(R"("request":"two")").at("/erased"), "false");
  EXPECT_EQ(kept(), 5);
  EXPECT_EQ(erase(R"("tenant":"default","before":"2020-01-01T00:00:00Z")").at("/leaves"), "0");
  EXPECT_EQ(erase(R"("tenant":"default","request":"nobody's")").at("/leaves"), "0");
  EXPECT_EQ(erase(R"("tenant":"default")").at("/leaves"), "4");
  EXPECT_EQ(kept(), 1);
  for (const char* wrong :
       {R"("index":1,"tenant":"default")", R"("before":1)", R"("tenant":"acme","before":"soon")",
        R"("tenant":"acme","before":true)"}) {
    EXPECT_EQ(erase(wrong).status, 400) << wrong;
  }
  EXPECT_EQ(post("/admin/audit/erase", R"({"tenant":"acme","what":"record","reason":"x"})").status,
            400);
  const std::vector<json::object> acts = events("content_erased");
  ASSERT_EQ(acts.size(), 3u);
  EXPECT_EQ(acts[0].at("tenant").as_string(), "acme");
  EXPECT_EQ(acts[0].at("subject").as_string(), "leaf " + leaf);
  EXPECT_EQ(acts[1].at("subject").as_string(), "request two, 2 leaves");
  EXPECT_EQ(acts[2].at("tenant").as_string(), "default");
  EXPECT_EQ(acts[2].at("subject").as_string(), "4 leaves");
  EXPECT_TRUE(audit::verify(log_->folder(), {})->good());
}

}  // namespace
}  // namespace xc::gateway

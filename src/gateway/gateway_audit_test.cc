// Every request leaves its leaves; the routes of auditors.
#include "gateway/gateway_audit_test.h"

namespace xc::gateway {
namespace {

TEST_F(GatewayAudit, a_call_is_admitted_settled_and_has_a_receipt) {
  const Reply reply = post("/v1/chat/completions", chat_body("hello"), {{"X-Request-Id", "mine"}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto receipt = audit::receipt_of(reply.headers.get("X-Xingcha-Receipt"));
  ASSERT_TRUE(receipt);
  const auto admissions = records("admission");
  ASSERT_EQ(admissions.size(), 1u);
  EXPECT_EQ(admissions[0].at("request").as_string(), "mine");
  EXPECT_EQ(admissions[0].at("tenant").as_string(), "default");
  EXPECT_EQ(admissions[0].at("workspace").as_string(), "default/default");
  EXPECT_EQ(admissions[0].at("model").as_string(), "fake");
  EXPECT_EQ(admissions[0].at("source").as_string(), "127.0.0.1");
  EXPECT_GT(admissions[0].at("reserved_tokens").as_int64(), 0);
  EXPECT_FALSE(admissions[0].contains("content_hash"));  // what was said is not kept
  const auto settlements = settled(1);
  ASSERT_EQ(settlements.size(), 1u);
  EXPECT_EQ(settlements[0].at("status").as_int64(), 200);
  EXPECT_EQ(settlements[0].at("ended").as_string(), "done");
  EXPECT_GT(settlements[0].at("prompt_tokens").as_int64(), 0);
  EXPECT_GT(settlements[0].at("completion_tokens").as_int64(), 0);
  const auto found = audit::verify(log_->folder(), {std::nullopt, {*receipt}});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->good());
  EXPECT_EQ(found->receipts.front(), audit::ReceiptState::Good);
}

TEST_F(GatewayAudit, every_shape_and_route_of_models_is_recorded) {
  const std::vector<std::pair<std::string, std::string>> calls{
      {"/v1/completions", R"({"model":"f","prompt":"x","max_tokens":3})"},
      {"/v1/messages",
       R"({"model":"f","max_tokens":9,"messages":[{"role":"user","content":"x"}]})"},
      {"/v1/responses", R"({"model":"f","input":"x"})"},
      {"/v1/embeddings", R"({"model":"f","input":"x"})"},
      {"/api/chat", R"({"model":"f","messages":[{"role":"user","content":"x"}]})"},
      {"/api/generate", R"({"model":"f","prompt":"x","stream":false})"},
      {"/api/generate", R"({"model":"f","prompt":"x","raw":true,"options":{"num_predict":3}})"},
      {"/api/chat", R"({"model":"f"})"},
      {"/api/embed", R"({"model":"f","input":["x"]})"},
      {"/api/embeddings", R"({"model":"f","prompt":"x"})"},
      {"/v1/rerank", R"({"model":"f","query":"abc","documents":["xyz"]})"},
      {"/tokenize", R"({"model":"f","content":"x"})"},
      {"/v1/chat/completions",
       R"({"model":"f","stream":true,"messages":[{"role":"user","content":"x"}]})"},
  };
  for (const auto& [path, body] : calls) {
    const Reply reply = post(path, body);
    EXPECT_EQ(reply.status, 200) << path << reply.body;
    EXPECT_TRUE(audit::receipt_of(reply.headers.get("X-Xingcha-Receipt"))) << path;
  }
  EXPECT_EQ(settled(calls.size()).size(), calls.size());
  EXPECT_EQ(records("admission").size(), calls.size());
  EXPECT_FALSE(get("/v1/models").headers.get("X-Xingcha-Receipt").size());
}

TEST_F(GatewayAudit, what_is_refused_before_is_an_event) {
  EXPECT_EQ(post("/v1/chat/completions", R"({"model":"none","messages":[]})").status, 400);
  EXPECT_EQ(post("/v1/completions", R"({"model":"none","prompt":"x"})").status, 404);
  EXPECT_EQ(send("POST", "/v1/completions", "{}", {{"Authorization", "Bearer xc-no"}}).status, 401);
  std::vector<std::string> errors;
  for (int i = 0; i < 300 && errors.size() < 2; ++i) {
    errors.clear();
    for (const auto& record : records("event")) {
      if (record.at("event").as_string() != "refused") continue;
      errors.emplace_back(record.at("error").as_string());
    }
  }
  ASSERT_EQ(errors.size(), 2u);  // who has no key is not on record: anybody could fill the disk
  EXPECT_EQ(errors[1], "NoModel");
  EXPECT_TRUE(records("admission").empty());
}

TEST_F(GatewayAudit, a_client_that_goes_is_settled_once) {
  {
    const auto client =
        begin("/v1/chat/completions", R"({"model":"f","stream":true,"messages":)"
                                      R"([{"role":"user","content":"talk for ever"}]})");
    EXPECT_NE(client->read_until("\"x\"").find("X-Xingcha-Receipt"), std::string::npos);
  }
  const auto settlements = settled(1);
  ASSERT_EQ(settlements.size(), 1u);
  EXPECT_EQ(settlements[0].at("ended").as_string(), "client_gone");
  EXPECT_GT(settlements[0].at("completion_tokens").as_int64(), 0);  // what came until then
  EXPECT_TRUE(books_->ledger().audit().conserved);
  EXPECT_EQ(books_->ledger().audit().open, 0u);
}

TEST_F(GatewayAudit, a_worker_that_fails_is_settled_once) {
  EXPECT_EQ(post("/v1/completions", R"({"model":"absent","prompt":"x"})").status, 503);
  const auto settlements = settled(1);
  ASSERT_EQ(settlements.size(), 1u);
  EXPECT_EQ(settlements[0].at("error").as_string(), "ModelGone");
  EXPECT_FALSE(settlements[0].contains("prompt_tokens"));
}

TEST_F(GatewayAudit, a_log_that_cannot_be_written_stops_calls) {
  log_->close();
  const Reply reply = post("/v1/chat/completions", chat_body("hello"), {{"Accept-Language", "en"}});
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.at("/error/message").find("audit log"), std::string::npos);
  EXPECT_EQ(reply.headers.get("X-Xingcha-Receipt"), "");
  EXPECT_EQ(worker().in_flight, 0);
  EXPECT_EQ(books_->ledger().audit().open, 0u);
  EXPECT_EQ(post("/admin/keys/reload", "{}").status, 503);  // nor are changes made unrecorded
}

TEST_F(GatewayAudit, changes_are_recorded_before_they_happen) {
  EXPECT_EQ(post("/admin/keys/reload", "{}").status, 200);
  EXPECT_EQ(get("/admin/workers").status, 200);
  const auto admissions = records("admission");
  ASSERT_EQ(admissions.size(), 1u);
  EXPECT_EQ(admissions[0].at("target").as_string(), "/admin/keys/reload");
  EXPECT_EQ(settled(1).front().at("status").as_int64(), 200);
}

TEST_F(GatewayAudit, auditors_find_prove_and_export) {
  const Reply call = post("/v1/completions", R"({"model":"f","prompt":"x","max_tokens":3})");
  settled(1);
  const Reply head = get("/admin/audit/head");
  ASSERT_EQ(head.status, 200) << head.body;
  EXPECT_TRUE(audit::head_of(head.at("/head")));
  const Reply found = get("/admin/audit/records?kind=admission");
  ASSERT_EQ(found.status, 200) << found.body;
  EXPECT_EQ(found.at("/records/0/record/route"), "/v1/completions");
  EXPECT_EQ(found.at("/next_before"), "null");
  const Reply none = get("/admin/audit/records?tenant=other&kind=admission");
  EXPECT_EQ(none.json().at("records").as_array().size(), 0u);
  EXPECT_EQ(
      get("/admin/audit/records?to=1970-01-01T00:00:01Z").json().at("records").as_array().size(),
      0u);
  EXPECT_EQ(get("/admin/audit/records?limit=1").json().at("records").as_array().size(), 1u);
  EXPECT_EQ(get("/admin/audit/records?limit=0").status, 400);
  EXPECT_EQ(get("/admin/audit/records?kind=x").status, 400);

  const std::string receipt(call.headers.get("X-Xingcha-Receipt"));
  const Reply proof = get("/admin/audit/proof?receipt=" + receipt);
  ASSERT_EQ(proof.status, 200) << proof.body;
  EXPECT_EQ(proof.at("/good"), "true");
  EXPECT_TRUE(proof.at("/receipt").starts_with("r1."));
  std::string forged = receipt;
  forged[3] = forged[3] == '2' ? '1' : '2';  // another leaf's number
  EXPECT_NE(get("/admin/audit/proof?receipt=" + forged).at("/good"), "true");
  EXPECT_EQ(get("/admin/audit/proof?receipt=r1.x").status, 400);
  EXPECT_EQ(get("/admin/audit/proof?index=99999").status, 404);

  const Reply lines = get("/admin/audit/export");
  ASSERT_EQ(lines.status, 200);
  EXPECT_TRUE(lines.body.starts_with("{\"xingcha_audit\":1,")) << lines.body.substr(0, 80);
  EXPECT_TRUE(get("/admin/audit/export?format=csv").body.starts_with("leaf,kind"));
  EXPECT_EQ(get("/admin/audit/export?format=xml").status, 400);
  EXPECT_EQ(get("/admin/audit/export?first=9999").status, 404);
}

TEST_F(GatewayAudit, a_record_is_erased_and_its_proof_stays) {
  const Reply call = post("/v1/completions", R"({"model":"f","prompt":"x","max_tokens":3})");
  settled(1);
  const std::string index = get("/admin/audit/records?kind=admission").at("/records/0/index");
  EXPECT_EQ(post("/admin/audit/erase", R"({"index":)" + index + R"(,"what":"record"})").status,
            400);
  const Reply erased =
      post("/admin/audit/erase", R"({"index":)" + index + R"(,"what":"record","reason":"asked"})");
  EXPECT_EQ(erased.status, 200) << erased.body;
  const std::string receipt(call.headers.get("X-Xingcha-Receipt"));
  EXPECT_EQ(get("/admin/audit/proof?receipt=" + receipt).at("/good"), "true");
}

TEST_F(GatewayAudit, who_logged_in_and_what_was_changed_is_recorded) {
  const std::string user =
      accounts_->users
          .create({"li", "default", identity::Role::TenantAdmin, "correct horse battery"})
          ->id;
  const auto login = [this](std::string password) {
    return send("POST", "/admin/login", R"({"name":"li","password":")" + password + "\"}", {});
  };
  EXPECT_EQ(login("not this one").status, 401);
  const Reply session = login("correct horse battery");
  ASSERT_EQ(session.status, 200) << session.body;
  const Reply made = send("POST", "/admin/keys", R"({"name":"x"})",
                          {{"Authorization", "Bearer " + session.at("/token")}});
  ASSERT_EQ(made.status, 200) << made.body;
  const auto admissions = records("admission");
  ASSERT_EQ(admissions.size(), 2u);
  EXPECT_EQ(admissions[0].at("route").as_string(), "/admin/login");
  EXPECT_EQ(admissions[0].at("key").as_string(), "user_" + user);
  EXPECT_EQ(admissions[1].at("route").as_string(), "/admin/keys");
  std::vector<std::string> events;
  for (const auto& event : records("event")) {
    const std::string text = boost::json::serialize(event);
    EXPECT_EQ(text.find("not this one"), std::string::npos);
    if (event.contains("source")) events.emplace_back(event.at("event").as_string());
    if (!event.contains("subject")) continue;
    events.emplace_back(event.at("event").as_string());
    EXPECT_EQ(event.at("subject").as_string(), made.at("/id"));
    EXPECT_EQ(event.at("key").as_string(), "user_" + user);
  }
  EXPECT_EQ(events, (std::vector<std::string>{"login_refused", "key_made"}));
}

}  // namespace
}  // namespace xc::gateway

// What the tests of the gateway share: the whole door with real workers (fake engine) behind it.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "gateway/books.h"
#include "gateway/gateway.h"
#include "gateway/operations.h"
#include "gateway/spans_test.h"
#include "net/net_test.h"
#include "net/sse.h"
#include "schema/model_name.h"
#include "secrets/master_key.h"
#include "store/database.h"

namespace xc::gateway {

struct Reply {
  int status = 0;
  net::Headers headers;
  std::string body;

  boost::json::value json() const {
    boost::system::error_code error;
    boost::json::value value = boost::json::parse(body, error);
    EXPECT_FALSE(error) << body;
    return value;
  }
  std::string at(std::string_view pointer) const {
    boost::system::error_code error;
    const boost::json::value document = json();
    const boost::json::value* found = document.find_pointer(pointer, error);
    if (found == nullptr) return "(nothing)";
    return found->is_string() ? std::string(found->as_string()) : boost::json::serialize(*found);
  }
  // The stream's events; an unfinished one fails the test.
  std::vector<net::SseEvent> events() const {
    std::vector<net::SseEvent> all;
    net::SseReader reader;
    EXPECT_TRUE(reader.feed(body));
    while (auto event = reader.next()) all.push_back(std::move(*event));
    EXPECT_FALSE(reader.pending()) << body;
    return all;
  }
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Models: "fake" (alias "f") works, "broken" has a program that cannot start, "absent" is installed
// but its file is gone. "fake" has the adapters "poet" and "clerk".
class GatewayTest : public testing::Test {
 protected:
  GatewayTest() {
    database_ = *store::Database::open(folder_.path("test.db"));
    pool_store_ = std::make_unique<fleet::PoolStore>(*database_, master_);
    accounts_ = *identity::Accounts::open(*database_, clock_, random_, master_);
    keys_ = *identity::KeyStore::open(*database_, clock_, random_);
    audit::LogOptions log;
    log.folder = folder_.path("audit");
    log_ = *audit::Log::open(log, clock_, random_);
    books_ = *Books::open(*log_, *database_, clock_);
    identity::KeySpec spec{"test"};
    spec.role = identity::Role::PlatformAdmin;
    key_ = keys_->create(spec)->secret;
    fleet::FleetOptions options;
    options.program = XC_SCRIPTED_WORKER;
    options.socket_dir = folder_.path("run");
    options.log_dir = folder_.path("logs");
    options.backoff_first = std::chrono::milliseconds(1);
    options.restarts_max = 50;
    options.memory_reserve_bytes = 0;
    fleet_ = std::make_unique<fleet::Fleet>(
        loops_.runtime, blocking_, client_, options,
        [this](std::string_view name) { return resolve(name); }, [] { return 1u << 30; });
    operations_.show_config = [] { return std::string("{}"); };
    operations_.reload_config = [] { return Result<std::string>("{}"); };
    operations_.alarms = &alarms_;
    operations_.traces = &spans_;
    gateway_ = std::make_unique<Gateway>(
        Services{loops_.runtime, blocking_, client_, *fleet_, *keys_, *accounts_, clock_, random_,
                 [this] { return rows(); }, "1.2.3", *books_, pools_, *pool_store_, &operations_});
    net::ServerOptions at;
    at.address = "127.0.0.1:0";
    server_ = std::make_unique<net::Server>(loops_.runtime, at, gateway_->handler(),
                                            gateway_->error_renderer());
    EXPECT_TRUE(server_->open());
    gateway_->watch(*server_);
  }
  ~GatewayTest() override {
    loops_.run([this]() -> Task<void> {
      const Deadline soon = Deadline::after(std::chrono::seconds(5));
      co_await server_->close(soon);
      co_await fleet_->close(soon);
    });
    loops_.stop();
  }

  Result<fleet::ModelSpec> resolve(std::string_view name) {
    if (name == "absent") return fail(Code::Unavailable, Message::ModelGone, {"absent", "gone"});
    const schema::ModelName parts = schema::split_adapter(name);
    const bool adapted = parts.adapter == "poet" || parts.adapter == "clerk";
    if ((parts.base != "fake" && parts.base != "f") || (!parts.adapter.empty() && !adapted)) {
      return fail(Code::NotFound, Message::NoModel, {std::string(name)});
    }
    fleet::ModelSpec spec;
    spec.name = "fake";
    spec.weights_path = "/none";
    spec.context = 64;
    spec.need_bytes = 1;
    spec.arguments = {"--note", folder_.path("note")};
    if (parts.adapter == "poet") spec.adapter = "poet=cafe";
    if (parts.adapter == "clerk") spec.adapter = "clerk=beef";
    return spec;
  }
  ModelRows rows() {
    ModelRow fake{"fake", {"f"}, 1700000000, 42, 64, "fake", "f32", licence_, {"chat"}};
    ModelRow absent{"vendor/absent", {"absent"}, 0, 0, 64, "", "", "", {}};
    ModelRow poet{"fake:poet", {}, 1700000000, 7, 64, "fake", "f16", "MIT", {"chat"}, "fake"};
    ModelRow clerk = poet;
    clerk.name = "fake:clerk";
    std::vector<ModelRow> all{fake, absent, clerk, poet};
    for (const std::string& name : pools_.models()) all.emplace_back().name = name;
    return std::make_shared<const std::vector<ModelRow>>(std::move(all));
  }

  Reply send(std::string method, std::string path, std::string body, HeaderList headers) {
    return loops_.run([&]() -> Task<Reply> {
      net::ClientRequest request;
      request.method = method;
      request.target = path;
      request.body = body;
      for (auto& [name, value] : headers) request.headers.set(name, value);
      const net::Origin origin = *net::Origin::parse("http://" + server_->address());
      const Deadline deadline = Deadline::after(std::chrono::seconds(30));
      auto reply = co_await client_.send(origin, std::move(request), deadline);
      EXPECT_TRUE(reply) << (reply ? "" : reply.error().detail);
      if (!reply) co_return Reply{};
      auto whole = co_await (*reply)->read_all(16u << 20, deadline);
      EXPECT_TRUE(whole) << "the reply broke off";
      co_return Reply{(*reply)->status(), (*reply)->headers(), whole ? *whole : ""};
    });
  }
  HeaderList with_key(HeaderList more = {}) {
    more.emplace_back("Authorization", "Bearer " + key_);
    return more;
  }
  Reply post(std::string path, std::string body, HeaderList more = {}) {
    return send("POST", std::move(path), std::move(body), with_key(std::move(more)));
  }
  Reply get(std::string path, HeaderList more = {}) {
    return send("GET", std::move(path), "", with_key(std::move(more)));
  }
  // A raw connection on which this POST was sent.
  std::unique_ptr<net::RawClient> begin(const std::string& path, const std::string& body) {
    auto client = std::make_unique<net::RawClient>(server_->address());
    client->send("POST " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key_ +
                 "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client;
  }
  fleet::ModelStatus worker() {
    for (fleet::ModelStatus& status : fleet_->status()) {
      if (status.name == "fake") return status;
    }
    return {};
  }

  static std::string chat_body(std::string text, std::string more = "") {
    return R"({"model":"f","messages":[{"role":"user","content":")" + text + R"("}])" + more + "}";
  }

  TestFolder folder_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<store::Database> database_;
  fleet::Pools pools_{clock_, random_};
  secrets::MasterKey master_{random_};
  std::unique_ptr<fleet::PoolStore> pool_store_;
  std::unique_ptr<identity::Accounts> accounts_;
  std::unique_ptr<identity::KeyStore> keys_;
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<Books> books_;
  std::string key_;
  std::string licence_ = "MIT";  // of "fake"
  ops::AlarmBoard alarms_{clock_, random_, [](const ops::AlarmEvent&) {}};
  KeptSpans spans_;
  Operations operations_;
  net::Loops loops_{2};
  net::BlockingPool blocking_{2};
  net::Client client_{loops_.runtime};
  std::unique_ptr<fleet::Fleet> fleet_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace xc::gateway

#include "ops/outbox.h"

#include "net/net_test.h"
#include "ops/webhook.h"

namespace xc::ops {
namespace {

using namespace std::chrono_literals;

// A receiver that answers as it is told and keeps what it got.
class Receiver {
 public:
  explicit Receiver(net::Loops& loops)
      : server_(loops, net::quick_options(), [this](net::Exchange& exchange) -> Task<void> {
          int status = 200;
          {
            const std::lock_guard held(mutex_);
            const net::Request& request = exchange.request();
            got_.push_back(request.path + "?" + request.query + " " + request.body + " " +
                           std::string(request.headers.get("X-Test")));
            if (!statuses_.empty()) {
              status = statuses_.front();
              statuses_.erase(statuses_.begin());
            }
          }
          Task<Status> replying = exchange.reply(status, "text/plain", "x");
          co_await std::move(replying);
        }) {}

  std::string url() const { return "http://" + server_.address() + "/hook?token=t"; }
  void answer(std::vector<int> statuses) {
    const std::lock_guard held(mutex_);
    statuses_ = std::move(statuses);
  }
  std::vector<std::string> got() const {
    const std::lock_guard held(mutex_);
    return got_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<int> statuses_;
  std::vector<std::string> got_;
  net::RunningServer server_;
};

class OutboxTest : public testing::Test {
 protected:
  Outbox::Options options(const std::string& url) {
    Outbox::Options made;
    made.name = "test";
    made.address = *PostAddress::parse(url, "test");
    made.backoff_first = 1ms;
    made.backoff_max = 4ms;
    made.posts_max = 3;
    made.tries_max = 4;
    made.sign = [](const std::string& body, net::Headers& headers) {
      headers.set("X-Test", "signed " + std::to_string(body.size()));
    };
    return made;
  }
  Outbox& make(const std::string& url) {
    box = std::make_unique<Outbox>(loops.runtime, client, options(url));
    return *box;
  }
  void start(Outbox& outbox) {
    tasks.spawn(loops.runtime.executor(0), [&outbox] { return outbox.run(); });
  }
  void TearDown() override {
    tasks.cancel();
    loops.run([this]() -> Task<void> {
      Task<bool> joining = tasks.join(Deadline::after(5s));
      co_await std::move(joining);
    });
  }

  net::Loops loops;
  net::Client client{loops.runtime};
  std::unique_ptr<Outbox> box;  // outlives its task, which TearDown ends
  net::TaskGroup tasks{"test"};
};

TEST_F(OutboxTest, delivers_in_order_and_signed) {
  Receiver receiver(loops);
  Outbox& outbox = make(receiver.url());
  outbox.put("one");
  start(outbox);
  outbox.put("two");
  ASSERT_TRUE(net::eventually([&] { return outbox.stats().delivered == 2; }));
  EXPECT_EQ(receiver.got(),
            (std::vector<std::string>{"/hook?token=t one signed 3", "/hook?token=t two signed 3"}));
  EXPECT_GT(outbox.stats().delivered_unix_ms, 0);
  EXPECT_EQ(outbox.stats().waiting, 0u);
}

TEST_F(OutboxTest, tries_again_what_may_pass_and_gives_up_what_will_not) {
  Receiver receiver(loops);
  receiver.answer({503, 429, 200, 400, 500, 500, 500, 500, 200});
  Outbox& outbox = make(receiver.url());
  outbox.put("patient");
  outbox.put("refused");
  outbox.put("hopeless");
  start(outbox);
  ASSERT_TRUE(net::eventually([&] { return outbox.stats().waiting == 0; }));
  EXPECT_EQ(outbox.stats().delivered, 1u);
  EXPECT_EQ(outbox.stats().failed, 2u);
  EXPECT_EQ(receiver.got().size(), 3u + 1u + 4u);
  EXPECT_EQ(outbox.stats().last_error, "HTTP 500");
  outbox.put("later");
  ASSERT_TRUE(net::eventually([&] { return outbox.stats().delivered == 2; }));
  EXPECT_EQ(outbox.stats().last_error, "");
}

TEST_F(OutboxTest, the_oldest_make_room) {
  Outbox& outbox = make("http://127.0.0.1:9/none");
  for (int i = 0; i < 5; ++i) outbox.put(std::to_string(i));
  EXPECT_EQ(outbox.stats().dropped, 2u);
  EXPECT_EQ(outbox.stats().waiting, 3u);
  start(outbox);
  ASSERT_TRUE(net::eventually([&] { return outbox.stats().failed == 3; }));
}

TEST(PostAddress, keeps_the_query_and_refuses_what_is_no_url) {
  const auto robot = PostAddress::parse("https://oapi.example.com/robot/send?access_token=x", "s");
  ASSERT_TRUE(robot);
  EXPECT_EQ(robot->origin.base_path, "/robot/send");
  EXPECT_EQ(robot->query, "?access_token=x");
  for (const char* bad :
       {"", "ftp://x/y", "http://u:p@x/y", "http://x/y?a b", "http://x/y?a\r\nb"}) {
    EXPECT_FALSE(PostAddress::parse(bad, "s")) << bad;
  }
}

TEST(Webhook, is_signed_over_time_and_body) {
  net::Headers headers;
  sign_webhook("secret", 1'700'000'000, "{}", headers);
  EXPECT_EQ(headers.get("X-Xingcha-Timestamp"), "1700000000");
  // printf '1700000000.{}' | openssl dgst -sha256 -hmac secret
  EXPECT_EQ(headers.get("X-Xingcha-Signature"),
            "v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
}

}  // namespace
}  // namespace xc::ops

#include "net/tls.h"

#include <future>

#include "net/certificate.h"
#include "net/certificate_test.h"
#include "net/net_test.h"

namespace xc::net {
namespace {

using namespace std::chrono_literals;

class Tls : public testing::Test {
 protected:
  ServerOptions options(const std::string& names) {
    ServerOptions made = quick_options();
    made.tls = make_certificate(dir.path("cert.pem"), dir.path("key.pem"), names);
    return made;
  }

  Result<std::string> post(Client& client, const std::string& url, std::string body) {
    return loops.run([&]() -> Task<Result<std::string>> {
      const Origin origin = *Origin::parse(url);
      ClientRequest request{"POST", "/x", {}, std::move(body)};
      Task<Result<std::unique_ptr<ClientReply>>> sending =
          client.send(origin, std::move(request), Deadline::after(5s));
      Result<std::unique_ptr<ClientReply>> reply = co_await std::move(sending);
      if (!reply) co_return std::unexpected(reply.error());
      Task<Result<std::string>> reading = (*reply)->read_all(64u << 20, Deadline::after(5s));
      Result<std::string> got = co_await std::move(reading);
      co_return got;
    });
  }

  TestFolder dir;
  Loops loops;
};

TEST_F(Tls, round_trip_on_a_kept_connection) {
  RunningServer server(loops, options("DNS:localhost,IP:127.0.0.1"), echo);
  Client client(loops.runtime, 4, dir.path("cert.pem"));
  const std::string url = "https://" + server.address();
  for (const std::size_t size : {0u, 10u, 16384u, 3u << 20}) {
    const std::string body(size, 'x');
    const Result<std::string> got = post(client, url, body);
    ASSERT_TRUE(got) << got.error().args.front() << got.error().detail;
    EXPECT_TRUE(*got == "POST /x " + body);
  }
  EXPECT_EQ(server.server.counters().connections_total, 1u);
}

TEST_F(Tls, a_certificate_that_does_not_fit_is_refused) {
  RunningServer server(loops, options("DNS:other.example"), echo);
  const std::string url = "https://" + server.address();
  Client trusting(loops.runtime, 4, dir.path("cert.pem"));
  const Result<std::string> wrong_name = post(trusting, url, "");
  ASSERT_FALSE(wrong_name);
  EXPECT_EQ(wrong_name.error().code, Code::Upstream);
  Client strict(loops.runtime);
  const Result<std::string> unknown = post(strict, url, "");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::Upstream);
  Client misled(loops.runtime, 4, dir.path("nothing.pem"));
  const Result<std::string> no_file = post(misled, url, "");
  ASSERT_FALSE(no_file);
  EXPECT_EQ(no_file.error().message, Message::BadSetting);
}

TEST_F(Tls, plain_bytes_and_silence_end_the_connection) {
  RunningServer server(loops, options("IP:127.0.0.1"), echo);
  RawClient plain(server.address());
  RawClient silent(server.address());
  EXPECT_TRUE(plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(plain.at_end());
  EXPECT_TRUE(silent.at_end());
  EXPECT_EQ(server.server.counters().requests_total, 0u);
}

TEST_F(Tls, a_client_that_goes_cancels_its_handler) {
  std::atomic<int> entered{0}, unwound{0};
  RunningServer server(loops, options("IP:127.0.0.1"), [&](Exchange& exchange) -> Task<void> {
    struct Guard {
      std::atomic<int>& count;
      ~Guard() { ++count; }
    } guard{unwound};
    Task<Status> beginning = exchange.begin_stream(200, "text/plain");
    co_await std::move(beginning);
    ++entered;
    Task<void> sleep = sleep_for(1h);
    co_await std::move(sleep);
  });
  Client client(loops.runtime, 4, dir.path("cert.pem"));
  loops.run([&]() -> Task<void> {
    const Origin origin = *Origin::parse("https://" + server.address());
    ClientRequest request;
    request.target = "/";
    Task<Result<std::unique_ptr<ClientReply>>> sending =
        client.send(origin, std::move(request), Deadline::after(5s));
    Result<std::unique_ptr<ClientReply>> reply = co_await std::move(sending);
    EXPECT_TRUE(reply);
    EXPECT_EQ(unwound, 0);
  });
  EXPECT_TRUE(eventually([&] { return unwound == 1; }));
  EXPECT_EQ(entered, 1);
}

// What the peer is asked about itself while a stream runs over the old certificate.
TEST_F(Tls, certificates_change_and_connections_go_on) {
  ServerOptions made = options("DNS:old.example,IP:127.0.0.1");
  RunningServer server(loops, made, echo);
  const std::string url = "https://" + server.address();
  Client kept(loops.runtime, 4, dir.path("cert.pem"));
  ASSERT_TRUE(post(kept, url, "first"));
  const TlsFiles fresh =
      make_certificate(dir.path("new.pem"), dir.path("new.key"), "DNS:new.example,IP:127.0.0.1");
  ASSERT_TRUE(server.server.reload_tls(fresh));
  EXPECT_TRUE(post(kept, url, "second"));  // on the connection from before
  EXPECT_EQ(server.server.counters().connections_total, 1u);
  Client old_only(loops.runtime, 4, dir.path("cert.pem"));
  EXPECT_FALSE(post(old_only, url, "")) << "new connections must see the new certificate";
  Client new_only(loops.runtime, 4, dir.path("new.pem"));
  EXPECT_TRUE(post(new_only, url, ""));
}

TEST_F(Tls, a_stream_goes_on_through_a_reload) {
  std::atomic<bool> reloaded{false};
  RunningServer server(loops, options("IP:127.0.0.1"), [&](Exchange& exchange) -> Task<void> {
    Task<Status> beginning = exchange.begin_stream(200, "text/plain", "before ");
    co_await std::move(beginning);
    while (!reloaded) {
      Task<void> sleep = sleep_for(1ms);
      co_await std::move(sleep);
    }
    const std::string middle(100'000, 'x');
    Task<Status> writing = exchange.write(middle);
    co_await std::move(writing);
    Task<Status> ending = exchange.end_stream(" after");
    co_await std::move(ending);
  });
  Client client(loops.runtime, 4, dir.path("cert.pem"));
  auto answer = std::async(std::launch::async,
                           [&] { return post(client, "https://" + server.address(), ""); });
  ASSERT_TRUE(eventually([&] { return server.server.counters().requests_total == 1; }));
  for (int i = 0; i < 3; ++i) {
    const std::string name = "new" + std::to_string(i);
    const TlsFiles fresh =
        make_certificate(dir.path(name + ".pem"), dir.path(name + ".key"), "IP:127.0.0.1");
    ASSERT_TRUE(server.server.reload_tls(fresh));
  }
  reloaded = true;
  const Result<std::string> got = answer.get();
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, "before " + std::string(100'000, 'x') + " after");
}

TEST_F(Tls, a_bad_reload_changes_nothing) {
  RunningServer server(loops, options("IP:127.0.0.1"), echo);
  const TlsFiles other = make_certificate(dir.path("new.pem"), dir.path("new.key"), "IP:127.0.0.1");
  const Status mixed = server.server.reload_tls({other.certificate, dir.path("key.pem")});
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().args.front(), "tls.key");
  EXPECT_FALSE(server.server.reload_tls({}));
  Client client(loops.runtime, 4, dir.path("cert.pem"));
  EXPECT_TRUE(post(client, "https://" + server.address(), ""));
  RunningServer plain(loops, quick_options(), echo);
  EXPECT_FALSE(plain.server.reload_tls(other)) << "TLS must not come up on a plain listener";
}

TEST_F(Tls, clients_are_asked_for_certificates) {
  const TlsFiles friendly =
      make_certificate(dir.path("friend.pem"), dir.path("friend.key"), "DNS:friend");
  const TlsFiles stranger =
      make_certificate(dir.path("stranger.pem"), dir.path("stranger.key"), "DNS:stranger");
  ServerOptions made = options("IP:127.0.0.1");
  made.tls.client_ca = friendly.certificate;  // self-signed: its own authority
  RunningServer server(loops, made, echo);
  const std::string url = "https://" + server.address();
  const std::string ca = dir.path("cert.pem");
  Client without(loops.runtime, 4, ca);
  EXPECT_FALSE(post(without, url, ""));
  Client wrong(loops.runtime, 4, ClientTls{ca, stranger.certificate, stranger.key});
  EXPECT_FALSE(post(wrong, url, ""));
  EXPECT_EQ(server.server.counters().requests_total, 0u);
  Client right(loops.runtime, 4, ClientTls{ca, friendly.certificate, friendly.key});
  EXPECT_TRUE(post(right, url, "x"));
  ASSERT_TRUE(wrong.reload_tls({ca, friendly.certificate, friendly.key}));
  EXPECT_TRUE(post(wrong, url, "x"));
}

TEST_F(Tls, the_old_version_is_spoken_when_asked_for_alone) {
  for (const bool allowed : {false, true}) {
    ServerOptions made = options("IP:127.0.0.1");
    made.tls.allow_tls_1_2 = allowed;
    RunningServer server(loops, made, echo);
    RawClient client(server.address());
    SslContext context = *make_client_tls({.ca = dir.path("cert.pem")});
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    const SslSession session = open_client_session(context.get(), client.fd(), "127.0.0.1");
    EXPECT_EQ(SSL_do_handshake(session.get()) == 1, allowed);
    take_tls_error();
  }
}

TEST_F(Tls, a_proxy_says_who_comes_in_front_of_tls) {
  ServerOptions made = options("IP:127.0.0.1");
  made.proxies = {*AddressRange::parse("127.0.0.1")};
  RunningServer server(loops, made, [](Exchange& exchange) -> Task<void> {
    Task<Status> replying = exchange.reply(200, "text/plain", exchange.request().peer);
    co_await std::move(replying);
  });
  RawClient client(server.address());
  ASSERT_TRUE(client.send("PROXY TCP4 203.0.113.9 198.51.100.1 1 443\r\n"));
  const SslContext context = *make_client_tls({.ca = dir.path("cert.pem")});
  const SslSession session = open_client_session(context.get(), client.fd(), "127.0.0.1");
  ASSERT_EQ(SSL_do_handshake(session.get()), 1);
  const std::string_view request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  ASSERT_GT(SSL_write(session.get(), request.data(), static_cast<int>(request.size())), 0);
  std::string got(4096, '\0');
  const int size = SSL_read(session.get(), got.data(), static_cast<int>(got.size()));
  ASSERT_GT(size, 0);
  got.resize(static_cast<std::size_t>(size));
  EXPECT_TRUE(got.ends_with("203.0.113.9")) << got;
}

TEST_F(Tls, a_certificate_says_until_when_it_is_good) {
  const TlsFiles files = make_certificate(dir.path("a.pem"), dir.path("a.key"), "DNS:x");
  const auto facts = read_certificate(files.certificate, "tls.certificate");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->subject, "CN=test");
  EXPECT_EQ(facts->not_after_unix_s - facts->not_before_unix_s, 3660);
  const auto none = read_certificate(files.key, "tls.certificate");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, Message::BadSetting);
  EXPECT_EQ(read_certificate(dir.path("no"), "x").error().message, Message::FileMissing);
}

}  // namespace
}  // namespace xc::net

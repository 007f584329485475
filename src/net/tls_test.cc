#include "net/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "net/net_test.h"

namespace xc::net {
namespace {

using namespace std::chrono_literals;

struct Free {
  void operator()(X509* x) const { X509_free(x); }
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(X509_EXTENSION* e) const { X509_EXTENSION_free(e); }
  void operator()(FILE* f) const { std::fclose(f); }
};

// A self-signed certificate for `names` ("DNS:localhost,IP:127.0.0.1") and its key, as PEM files.
TlsFiles make_certificate(const TempDir& dir, const std::string& names) {
  const TlsFiles files{dir.file("cert.pem"), dir.file("key.pem")};
  const std::unique_ptr<EVP_PKEY, Free> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, Free> made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_NAME* name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(made.get(), name);
  X509_set_pubkey(made.get(), key.get());
  const std::unique_ptr<X509_EXTENSION, Free> alt(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
  X509_add_ext(made.get(), alt.get(), -1);
  EXPECT_GT(X509_sign(made.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<FILE, Free> cert_file(std::fopen(files.certificate.c_str(), "w"));
  const std::unique_ptr<FILE, Free> key_file(std::fopen(files.key.c_str(), "w"));
  PEM_write_X509(cert_file.get(), made.get());
  PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return files;
}

class Tls : public testing::Test {
 protected:
  ServerOptions options(const std::string& names) {
    ServerOptions made = quick_options();
    made.tls = make_certificate(dir, names);
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

  TempDir dir;
  Loops loops;
};

TEST_F(Tls, round_trip_on_a_kept_connection) {
  RunningServer server(loops, options("DNS:localhost,IP:127.0.0.1"), echo);
  Client client(loops.runtime, 4, dir.file("cert.pem"));
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
  Client trusting(loops.runtime, 4, dir.file("cert.pem"));
  const Result<std::string> wrong_name = post(trusting, url, "");
  ASSERT_FALSE(wrong_name);
  EXPECT_EQ(wrong_name.error().code, Code::Upstream);
  Client strict(loops.runtime);
  const Result<std::string> unknown = post(strict, url, "");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::Upstream);
  Client misled(loops.runtime, 4, dir.file("nothing.pem"));
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
  Client client(loops.runtime, 4, dir.file("cert.pem"));
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

}  // namespace
}  // namespace xc::net

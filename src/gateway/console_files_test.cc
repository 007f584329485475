#include "gateway/console_files.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "gateway/gateway_test.h"

namespace xc::gateway {
namespace {

TEST(AcceptEncoding, accepts_gzip) {
  for (const char* yes :
       {"gzip", "br, gzip", "gzip;q=0.5", "*", "deflate, *;q=0.1", "x-gzip", " gzip ; q=1.0"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* no :
       {"", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "*, gzip;q=0", "gzipped"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(AcceptEncoding, names_tag) {
  EXPECT_TRUE(names_tag("\"a\"", "\"a\""));
  EXPECT_TRUE(names_tag("\"b\", W/\"a\"", "\"a\""));
  EXPECT_TRUE(names_tag("*", "\"a\""));
  EXPECT_FALSE(names_tag("", "\"a\""));
  EXPECT_FALSE(names_tag("\"ab\"", "\"a\""));
}

std::string zip(const std::string& plain) {
  std::string out(plain.size() + 64, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string in = plain;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// A server that has one file at every address.
class ConsoleFiles : public GatewayTest {
 protected:
  ConsoleFiles() {
    services_ = std::make_unique<Services>(Services{loops_.runtime, blocking_, client_, *fleet_,
                                                    *keys_, *accounts_, clock_, random_,
                                                    [this] { return rows(); }, "1.2.3", *books_,
                                                    pools_, *pool_store_});
    const net::ServerOptions options = net::quick_options();
    files_ = std::make_unique<net::RunningServer>(
        loops_, options, [this](net::Exchange& exchange) { return serve(exchange); });
  }
  ~ConsoleFiles() override { files_.reset(); }

  Task<void> serve(net::Exchange& exchange) {
    AuditEntry audit(metrics_, *books_, clock_, {"GET", "unmatched", "req_1", true});
    Call call{*services_, metrics_, exchange, audit};
    Status served = co_await serve_console_file(call, file_);
    EXPECT_TRUE(served);
  }
  std::string fetch(const std::string& header) {
    net::RawClient client(files_->address());
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + "\r\n\r\n");
    return client.read_all();
  }

  const std::string plain_ = "<!doctype html>" + std::string(1000, 'x');
  const std::string gzip_ = zip(plain_);
  const console::Asset file_{"/", "text/html; charset=utf-8", "\"tag\"", gzip_, false};
  Metrics metrics_{"1.2.3"};
  std::unique_ptr<Services> services_;
  std::unique_ptr<net::RunningServer> files_;
};

TEST_F(ConsoleFiles, compressed_or_plain_as_the_client_can) {
  const std::string small = fetch("Accept-Encoding: gzip, br");
  EXPECT_NE(small.find("Content-Encoding: gzip\r\n"), std::string::npos) << small;
  EXPECT_TRUE(small.ends_with(gzip_));
  const std::string whole = fetch("Accept-Encoding: identity");
  EXPECT_EQ(whole.find("Content-Encoding"), std::string::npos);
  EXPECT_TRUE(whole.ends_with("\r\n\r\n" + plain_));
  for (const std::string& reply : {small, whole}) {
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200"));
    for (const char* header :
         {"Vary: Accept-Encoding", "ETag: \"tag\"", "X-Content-Type-Options: nosniff",
          "Referrer-Policy: no-referrer", "Content-Security-Policy: default-src 'none'; ",
          "Content-Type: text/html; charset=utf-8", "Cache-Control: no-cache"}) {
      EXPECT_NE(reply.find(header), std::string::npos) << header;
    }
  }
}

TEST_F(GatewayTest, the_console_is_at_the_root_without_a_key) {
  const Reply page = send("GET", "/", "", {});
  EXPECT_EQ(page.status, 200);
  EXPECT_TRUE(page.headers.get("Content-Type").starts_with("text/html"));
  EXPECT_NE(page.headers.get("Content-Security-Policy").find("default-src 'none'"),
            std::string_view::npos);
  EXPECT_EQ(send("POST", "/", "", {}).status, 404);
  EXPECT_EQ(send("GET", "/../secret", "", {}).status, 404);
}

TEST_F(ConsoleFiles, a_known_tag_costs_no_body) {
  const std::string reply = fetch("If-None-Match: \"tag\"");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 304")) << reply;
  EXPECT_TRUE(reply.ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace xc::gateway

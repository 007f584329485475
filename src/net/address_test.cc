#include "net/address.h"

#include <gtest/gtest.h>

#include "net/client.h"

namespace xc::net {
namespace {

TEST(Address, forms) {
  EXPECT_EQ(Address::parse("127.0.0.1:8660")->port, 8660);
  EXPECT_EQ(Address::parse("[::1]:0")->host, "::1");
  EXPECT_EQ(Address::parse("[::1]:8660")->text(), "[::1]:8660");
  EXPECT_EQ(Address::parse("unix:/run/x.sock")->unix_path, "/run/x.sock");
  EXPECT_EQ(Address::parse("unix:/run/x.sock")->text(), "unix:/run/x.sock");
  const std::string long_path = "unix:/" + std::string(200, 'x');
  for (const char* bad : {"", "8660", ":8660", "host:", "host:x", "host:65536", "host:-1", "::1:80",
                          "unix:", "host:80 ", long_path.c_str()}) {
    EXPECT_FALSE(Address::parse(bad)) << bad;
  }
}

TEST(Address, loopback) {
  for (const char* yes : {"127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1", "unix:/x"}) {
    EXPECT_TRUE(Address::parse(yes)->is_loopback()) << yes;
  }
  for (const char* no : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "localhost.evil.example:1"}) {
    EXPECT_FALSE(Address::parse(no)->is_loopback()) << no;
  }
}

TEST(Origin, forms) {
  const Origin plain = *Origin::parse("http://host/v1/");
  EXPECT_EQ(plain.port, "80");
  EXPECT_EQ(plain.base_path, "/v1");
  EXPECT_EQ(plain.key(), "http://host:80");
  const Origin tls = *Origin::parse("https://[::1]:8443");
  EXPECT_TRUE(tls.tls);
  EXPECT_EQ(tls.host, "::1");
  EXPECT_EQ(tls.key(), "https://[::1]:8443");
  EXPECT_EQ(Origin::parse("https://[::1]/x")->port, "443");
  const Origin local = *Origin::parse("unix:/run/a.sock:/base");
  EXPECT_EQ(local.unix_path, "/run/a.sock");
  EXPECT_EQ(local.base_path, "/base");
  for (const char* bad : {"", "host:80", "ftp://x", "http://", "http://a:b@host/", "http://h:0",
                          "http://h/?q", "unix:relative", "http://h\r\nx:80"}) {
    EXPECT_FALSE(Origin::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace xc::net

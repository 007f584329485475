#include "net/proxy_header.h"

#include <gtest/gtest.h>

namespace xc::net {
namespace {

using std::string_literals::operator""s;
using State = ProxyHeader::State;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string second(unsigned char command, unsigned char family, const std::string& rest) {
  std::string out = kSignature;
  out += static_cast<char>(command);
  out += static_cast<char>(family);
  out += static_cast<char>(rest.size() >> 8);
  out += static_cast<char>(rest.size() & 255);
  return out + rest;
}

const std::string kFour = "\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb"s;

// Fed as a socket would bring it, `step` bytes at a time, with TLS behind.
std::pair<ProxyHeader, std::string> feed(const std::string& header, std::size_t step) {
  const std::string all = header + "\x16\x03\x01 client hello";
  std::string have;
  std::size_t at = 0;
  while (parse_proxy_header(have).state == State::Incomplete) {
    const std::size_t share = proxy_header_share(have, std::string_view(all).substr(at, step));
    if (share == 0) break;
    have += all.substr(at, share);
    at += share;
  }
  return {parse_proxy_header(have), all.substr(at)};
}

void expect_source(const std::string& header, const std::string& source) {
  for (const std::size_t step : {1u, 2u, 7u, 15u, 16u, 4096u}) {
    const auto [got, rest] = feed(header, step);
    EXPECT_EQ(got.state, State::Whole) << header << " by " << step;
    EXPECT_EQ(got.source, source);
    EXPECT_EQ(rest, "\x16\x03\x01 client hello") << header << " by " << step;
  }
}

TEST(ProxyHeader, says_who_is_behind) {
  expect_source("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "192.0.2.7");
  expect_source("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "2001:db8::7");
  expect_source(
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  expect_source(second(0x21, 0x11, kFour), "192.0.2.7");
  const std::string six = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x07" +
                          "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01" + "\x01\xbb\x01\xbb";
  expect_source(second(0x21, 0x21, six), "2001:db8::7");
  expect_source(second(0x21, 0x11, kFour + "\x04\x00\x03xyz"s), "192.0.2.7");  // with a TLV
}

TEST(ProxyHeader, may_not_know) {
  expect_source("PROXY UNKNOWN\r\n", "");
  expect_source("PROXY UNKNOWN ffff:f...f 1 2 3\r\n", "");
  expect_source(second(0x20, 0x00, ""), "");
  expect_source(second(0x20, 0x11, kFour), "");  // LOCAL: the address is ignored
  expect_source(second(0x21, 0x00, "xx"), "");
  expect_source(second(0x21, 0x12, kFour), "");  // a datagram's
  expect_source(second(0x21, 0x31, std::string(216, 'x')), "");
}

TEST(ProxyHeader, refuses_what_the_specification_forbids) {
  for (const std::string& header :
       {"GET / HTTP/1.1\r\n"s, "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n"s,
        "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 x\r\n"s,
        "PROXY TCP4 192.0.2.7  198.51.100.1 56324 443\r\n"s,
        "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n"s, "PROXY TCP4 192.0.2.7 1.2.3.4 65536 1\r\n"s,
        "PROXY TCP4 192.0.2.7 1.2.3.4 01 1\r\n"s, "PROXY TCP4 192.0.2.7 1.2.3.4 -1 1\r\n"s,
        "PROXY UDP4 192.0.2.7 1.2.3.4 1 1\r\n"s, "PROXY TCP4 192.0.2.7 1.2.3.4 1 1 \n"s,
        "proxy TCP4 192.0.2.7 1.2.3.4 1 1\r\n"s, "PROXY UNKNOWN "s + std::string(107, 'x'),
        second(0x11, 0x11, kFour), second(0x22, 0x11, kFour), second(0x21, 0x41, kFour),
        second(0x21, 0x13, kFour), second(0x21, 0x11, kFour.substr(1)),
        second(0x21, 0x11, std::string(5000, 'x')), "\r\n\r\n\0\r\nQUIX\n!!!!"s}) {
    for (const std::size_t step : {1u, 4096u}) {
      EXPECT_EQ(feed(header, step).first.state, State::Bad) << header;
    }
  }
}

}  // namespace
}  // namespace xc::net

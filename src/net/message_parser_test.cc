#include "net/message_parser.h"

#include <gtest/gtest.h>

#include "net/message_head.h"

namespace xc::net {
namespace {

constexpr MessageLimits kSmall{1024, 8, 100};

struct Parsed {
  Result<Request> request = fail_internal("unfinished");
  std::string rest;
};

Parsed parse(std::string_view bytes, std::size_t step) {
  RequestParser parser(kSmall);
  Parsed out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    out.rest += bytes.substr(at, step);
    if (parser.done()) continue;
    const Result<std::size_t> used = parser.feed(out.rest);
    if (!used) {
      out.request = std::unexpected(used.error());
      return out;
    }
    out.rest.erase(0, *used);
  }
  if (parser.done()) out.request = parser.take();
  return out;
}

Code code_of(std::string_view bytes) {
  const Parsed whole = parse(bytes, bytes.size());
  const Parsed single = parse(bytes, 1);
  EXPECT_FALSE(whole.request) << bytes;
  EXPECT_FALSE(single.request) << bytes;
  EXPECT_EQ(whole.request.error().code, single.request.error().code) << bytes;
  return whole.request.error().code;
}

TEST(MessageParser, any_cut_gives_the_same_request) {
  const std::string_view bytes =
      "\r\nPOST /a%20b/%E4%B8%AD?q=%20 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: x\r\nHost: evil\r\n\r\nGET";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    const Parsed parsed = parse(bytes, step);
    ASSERT_TRUE(parsed.request) << step;
    EXPECT_EQ(parsed.request->path, "/a b/中");
    EXPECT_EQ(parsed.request->query, "q=%20");
    EXPECT_EQ(parsed.request->body, "abcdefg");
    EXPECT_EQ(parsed.request->headers.get("trailer"), "");
    EXPECT_EQ(parsed.request->headers.get("HOST"), "x");
    EXPECT_EQ(parsed.rest, "GET");
  }
}

TEST(MessageParser, smuggling_and_nonsense_are_bad_requests) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
  for (const std::string& bytes : {
           head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
           head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           head + "Transfer-Encoding: xchunked\r\n\r\n",
           head + "Transfer-Encoding : chunked\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
           head + "Content-Length: -3\r\n\r\n",
           head + "Content-Length: +3\r\n\r\nabc",
           head + "Content-Length: 99999999999999999999999\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n\r\n",
           head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
           head + "Host: y\r\n\r\n",
           head + "Bad Name: y\r\n\r\n",
           head + "no colon\r\n\r\n",
           std::string("GET / HTTP/1.1\r\n\r\n"),
           std::string("GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
           std::string("GET relative HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n"),
           std::string("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x05\x01\x05\x06\r\n\r\n"),
       }) {
    EXPECT_EQ(code_of(bytes), Code::InvalidRequest) << bytes;
  }
}

TEST(MessageParser, bounds) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(code_of(head + "Content-Length: 101\r\n\r\n"), Code::TooLarge);
  EXPECT_EQ(code_of(head + "Transfer-Encoding: chunked\r\n\r\n65\r\nx"), Code::TooLarge);
  EXPECT_EQ(code_of(head + "X: " + std::string(1100, 'x') + "\r\n\r\n"), Code::HeadTooLarge);
  EXPECT_EQ(code_of("GET /" + std::string(1100, 'x') + " HTTP/1.1\r\n"), Code::HeadTooLarge);
  EXPECT_EQ(code_of(std::string(1100, '\n')), Code::HeadTooLarge);
  std::string many = head;
  for (int i = 0; i < 8; ++i) many += "A: b\r\n";
  EXPECT_EQ(code_of(many + "\r\n"), Code::HeadTooLarge);
  // An endless chunk extension or trailer is bounded too.
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(code_of(chunked + "1;" + std::string(1100, 'x')), Code::InvalidRequest);
  EXPECT_EQ(code_of(chunked + "0\r\nA: " + std::string(1100, 'x')), Code::InvalidRequest);
}

TEST(MessageParser, targets) {
  std::string path, query;
  EXPECT_TRUE(split_target("http://host:80/x?y", path, query));
  EXPECT_EQ(path + "|" + query, "/x|y");
  path = query = "";
  EXPECT_TRUE(split_target("http://host", path, query));
  EXPECT_EQ(path, "/");
  path = query = "";
  EXPECT_TRUE(split_target("http://host?q", path, query));
  EXPECT_EQ(path + "|" + query, "/|q");
  path = query = "";
  EXPECT_TRUE(split_target("/a?b?c#d", path, query));
  EXPECT_EQ(path + "|" + query, "/a|b?c");
  EXPECT_FALSE(split_target("host:80", path, query));
  for (const char* good :
       {"http://[::1]/x", "http://[::1]:80/x", "HTTPS://a.b-c:/x", "http://a:1/x"}) {
    path = query = "";
    EXPECT_TRUE(split_target(good, path, query)) << good;
    EXPECT_EQ(path, "/x") << good;
  }
  for (const char* bad : {"http://[", "http://[]", "http://[::1", "http://[::1]x", "http://",
                          "http:///x", "http://?q", "http://a:b/x", "http://u@h/x", "http://a b/x",
                          "://h/x", "1x://h/x", "http://h#f"}) {
    EXPECT_FALSE(split_target(bad, path, query)) << bad;
  }
}

// Feeds one byte at a time and says how many it took until the refusal; 0: none.
std::size_t refused_at(std::string_view bytes) {
  RequestParser parser(kSmall);
  std::string rest;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    rest += bytes[i];
    const Result<std::size_t> used = parser.feed(rest);
    if (!used) return i + 1;
    rest.erase(0, *used);
  }
  return 0;
}

TEST(MessageParser, a_bad_chunk_is_refused_at_its_first_bad_byte) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto at = [&](std::string_view body) {
    const std::size_t refused = refused_at(head + std::string(body));
    return refused == 0 ? 0 : refused - head.size();
  };
  EXPECT_EQ(at("z"), 1u);
  EXPECT_EQ(at("-1"), 1u);
  EXPECT_EQ(at("\r\n"), 1u);
  EXPECT_EQ(at("3x"), 2u);
  EXPECT_EQ(at("3\rx"), 3u);
  EXPECT_EQ(at("11111111111111111"), 17u);
  EXPECT_EQ(at("3\r\nabcX"), 7u);
  EXPECT_EQ(at("3\r\nabc\rX"), 8u);
  EXPECT_EQ(at("3\r\nabc\r\nX"), 9u);
  EXPECT_EQ(at("000000000000000000003;a=b\r\nabc\r\n0\r\n\r\n"), 0u);
  EXPECT_EQ(at("3 \t;a\r\nabc\r\n0\r\nA: b\r\n\r\n"), 0u);
}

TEST(MessageParser, a_reply_until_close_ends_with_the_connection) {
  std::string body;
  ReplyParser parser(kSmall, false);
  parser.set_body(&body);
  EXPECT_TRUE(parser.feed("HTTP/1.1 200 OK\r\n\r\nabc"));
  EXPECT_FALSE(parser.done());
  EXPECT_TRUE(parser.feed_end());
  EXPECT_TRUE(parser.done());
  EXPECT_FALSE(parser.keep_alive());
  EXPECT_EQ(body, "abc");
  ReplyParser cut(kSmall, false);
  cut.set_body(&body);
  EXPECT_TRUE(cut.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"));
  EXPECT_FALSE(cut.feed_end());
}

TEST(MessageHead, values_cannot_start_a_second_field) {
  Headers extra;
  extra.add("X", "a\r\nEvil: b");
  extra.add("content-length", "7");
  std::string text;
  append_reply_head(text, {}, extra);
  EXPECT_EQ(text.find("\r\nEvil"), std::string::npos);
  EXPECT_EQ(text.find("length: 7"), std::string::npos);
  EXPECT_FALSE(is_clean_target("/a b"));
  EXPECT_FALSE(is_clean_target("/a\r\n"));
  EXPECT_TRUE(is_clean_target("/a?b=%20"));
}

TEST(Headers, names_have_no_case) {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("accept", "b");
  EXPECT_EQ(headers.get("ACCEPT"), "a");
  headers.set("aCCEPT", "c");
  EXPECT_EQ(headers.get("accept"), "c");
  EXPECT_EQ(headers.get("none"), "");
  int fields = 0;
  for (const auto& [name, value] : headers.fields()) fields += value == "c" ? 1 : 2;
  EXPECT_EQ(fields, 1);
}

TEST(Headers, are_kept_in_order_and_whole) {
  Headers headers;
  std::vector<std::pair<std::string, std::string>> wanted;
  for (int i = 0; i < 40; ++i) {  // more than its first room holds
    wanted.emplace_back("Name-" + std::to_string(i), std::string(static_cast<std::size_t>(i), 'v'));
    headers.add(wanted.back().first, wanted.back().second);
  }
  headers.set("name-7", "");
  headers.set("Name-0", "first");
  wanted.erase(wanted.begin() + 7);
  wanted.erase(wanted.begin());
  wanted.insert(wanted.end(), {{"name-7", ""}, {"Name-0", "first"}});
  std::vector<std::pair<std::string, std::string>> seen;
  for (const auto& [name, value] : headers.fields()) seen.emplace_back(name, value);
  EXPECT_EQ(seen, wanted);
  const Headers copy = headers;
  headers.set("Name-0", "second");
  EXPECT_EQ(copy.get("name-0"), "first");
}

}  // namespace
}  // namespace xc::net

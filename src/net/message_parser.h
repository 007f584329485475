// Incremental HTTP/1.1 parsing on Beast's grammar, straight into our own shapes: no second copy of
// fields or body. Pure: bytes in, message out; what the fuzzer runs is what the connection runs.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/http.h"

namespace xc::net {

struct MessageLimits {
  std::size_t head_bytes_max;
  std::size_t head_fields_max;
  std::uint64_t body_bytes_max;  // UINT64_MAX: none
};

// What both directions share. After an error a parser is unusable.
template <bool is_request>
class MessageParser : private boost::beast::http::basic_parser<is_request> {
  using Base = boost::beast::http::basic_parser<is_request>;

 public:
  explicit MessageParser(const MessageLimits& limits);

  // Takes what it can and returns how many bytes that was. The caller presents the rest again with
  // more behind it; bytes after a complete message belong to the next one.
  // Error: HeadTooLarge, TooLarge, InvalidRequest (BadHttp).
  Result<std::size_t> feed(std::string_view bytes);
  // The peer closed. Completes a reply that runs until close. Error: BadHttp when it is cut.
  Status feed_end();

  bool started() const { return Base::got_some(); }
  bool head_done() const { return head_done_; }
  bool done() const { return Base::is_done(); }
  bool keep_alive() const { return Base::keep_alive(); }
  bool http_1_1() const { return version_ >= 11; }
  const Headers& headers() const { return headers_; }

 protected:
  using Code = boost::system::error_code;
  using View = boost::beast::string_view;

  void skip_body() { Base::skip(true); }

  int version_ = 0;
  Headers headers_;
  std::string* body_ = nullptr;  // where body bytes go; set before they come

 private:
  void on_request_impl(boost::beast::http::verb, View, View, int, Code&) override {}
  void on_response_impl(int, View, int, Code&) override {}
  void on_field_impl(boost::beast::http::field, View, View, Code&) final;
  void on_header_impl(Code&) final;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) final;
  std::size_t on_body_impl(View, Code&) final;
  void on_chunk_header_impl(std::uint64_t, View, Code&) final { in_chunks_ = true; }
  std::size_t on_chunk_body_impl(std::uint64_t, View, Code&) final;
  void on_finish_impl(Code&) final {}
  std::unexpected<Error> refused(const Code& code) const;

  MessageLimits limits_;
  std::size_t head_bytes_ = 0;
  std::size_t fields_ = 0;
  bool head_done_ = false;
  bool host_seen_ = false;
  bool line_cut_ = false;   // the rest that feed() left is part of a chunk's size line or trailers
  bool in_chunks_ = false;  // a chunk came: the next size line begins with that one's CRLF
};

class RequestParser final : public MessageParser<true> {
 public:
  explicit RequestParser(const MessageLimits& limits);
  Request& request() { return request_; }  // filled as bytes come; headers at take()
  Request take();
  bool expects_continue() const;

 private:
  void on_request_impl(boost::beast::http::verb, View method, View target, int version,
                       Code& code) override;
  Request request_;
};

class ReplyParser final : public MessageParser<false> {
 public:
  // head_only: the request was HEAD, so no body follows whatever the head says.
  ReplyParser(const MessageLimits& limits, bool head_only);
  int status() const { return status_; }
  void set_body(std::string* body) { body_ = body; }
  Headers take_headers() { return std::move(headers_); }

 private:
  void on_response_impl(int status, View reason, int version, Code& code) override;
  int status_ = 0;
};

// "/a%20b?c=d" or "http://host/a%20b?c=d" → path "/a b", query "c=d". False when malformed.
bool split_target(std::string_view target, std::string& path, std::string& query);

// Whether `text` can be the beginning of a chunk's size line; after_chunk: with the CRLF before it.
bool may_begin_chunk(std::string_view text, bool after_chunk);

extern template class MessageParser<true>;
extern template class MessageParser<false>;

}  // namespace xc::net

#include "net/message_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <limits>

#include "base/limits.h"

namespace xc::net {

namespace http = boost::beast::http;
using boost::beast::iequals;

namespace {

constexpr std::size_t kBodyReserveMax = 1u << 20;  // a claimed length is not yet a sent one

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decode_path(std::string_view raw, std::string& path) {
  path.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      if (i + 2 >= raw.size()) return false;
      const int high = hex_digit(raw[i + 1]);
      const int low = hex_digit(raw[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return false;  // would cut the path where C reads it
    path += c;
  }
  return true;
}

}  // namespace

bool split_target(std::string_view target, std::string& path, std::string& query) {
  if (target == "*") target = "/";  // OPTIONS *
  if (!target.starts_with('/')) {   // absolute form, as sent to proxies
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return false;
    const std::size_t slash = target.find_first_of("/?", scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
    if (!target.starts_with('/')) path = "/";
  }
  target = target.substr(0, target.find('#'));
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) query = target.substr(question + 1);
  return decode_path(target.substr(0, question), path);
}

template <bool is_request>
MessageParser<is_request>::MessageParser(const MessageLimits& limits) : limits_(limits) {
  Base::eager(true);
  Base::body_limit(limits.body_bytes_max == std::numeric_limits<std::uint64_t>::max()
                       ? boost::optional<std::uint64_t>()
                       : boost::optional<std::uint64_t>(limits.body_bytes_max));
}

template <bool is_request>
Result<std::size_t> MessageParser<is_request>::feed(std::string_view bytes) {
  std::size_t skipped = 0;
  if (is_request && !started()) {  // RFC 9112 §2.2: empty lines before a request are ignored
    while (skipped < bytes.size() && (bytes[skipped] == '\r' || bytes[skipped] == '\n')) ++skipped;
    head_bytes_ += skipped;
    bytes.remove_prefix(skipped);
    if (bytes.empty() && head_bytes_ <= limits_.head_bytes_max) return skipped;
  }
  if (!head_done_) {  // Beast bounds one call; the bound is on the whole head
    if (head_bytes_ >= limits_.head_bytes_max) return refused(http::error::header_limit);
    Base::header_limit(static_cast<std::uint32_t>(limits_.head_bytes_max - head_bytes_));
  }
  // Beast asserts five bytes when it comes back to an unfinished last chunk ("0\r\n\r\n" has five).
  if (line_cut_ && bytes.size() < 5) return skipped;
  Code code;
  const std::size_t used = Base::put(boost::asio::buffer(bytes.data(), bytes.size()), code);
  if (code && code != http::error::need_more) return refused(code);
  if (!head_done_) head_bytes_ += used;
  line_cut_ = head_done_ && used < bytes.size();
  // Between chunks only a size line or trailers can be unfinished: they are bounded like a head.
  if (!done() && bytes.size() - used > limits_.head_bytes_max) {
    return refused(head_done_ ? http::error::bad_chunk_extension : http::error::header_limit);
  }
  return skipped + used;
}

template <bool is_request>
Status MessageParser<is_request>::feed_end() {
  Code code = http::error::partial_message;
  if (started()) Base::put_eof(code);
  if (code) return refused(code);
  return {};
}

template <bool is_request>
std::unexpected<Error> MessageParser<is_request>::refused(const Code& code) const {
  if (code == http::error::header_limit) {
    return fail(xc::Code::HeadTooLarge, Message::HeadTooLarge,
                {std::to_string(limits_.head_bytes_max), std::to_string(limits_.head_fields_max)});
  }
  if (code == http::error::body_limit) {
    return fail(xc::Code::TooLarge, Message::BodyTooLarge,
                {std::to_string(limits_.body_bytes_max)});
  }
  return fail(xc::Code::InvalidRequest, Message::BadHttp, {code.message()});
}

template <bool is_request>
void MessageParser<is_request>::on_field_impl(http::field name, View name_text, View value,
                                              Code& code) {
  if (head_done_) return;  // trailers carry nothing we use, and must not pose as headers
  if (headers_.fields().size() >= limits_.head_fields_max) {
    code = http::error::header_limit;
    return;
  }
  // Beast overlooks codings other than chunked; a proxy in front may not: request smuggling.
  if (name == http::field::transfer_encoding && (version_ < 11 || !iequals(value, "chunked"))) {
    code = http::error::bad_transfer_encoding;
    return;
  }
  if (is_request && name == http::field::host && std::exchange(host_seen_, true)) {
    code = http::error::bad_field;  // two hosts: a proxy may have believed the other one
    return;
  }
  headers_.add(std::string(name_text), std::string(value));
}

template <bool is_request>
void MessageParser<is_request>::on_header_impl(Code& code) {
  head_done_ = true;
  // RFC 9112 §3.2: a request without Host is refused
  if (is_request && version_ >= 11 && !host_seen_) code = http::error::bad_field;
}

template <bool is_request>
void MessageParser<is_request>::on_body_init_impl(const boost::optional<std::uint64_t>& length,
                                                  Code&) {
  if (body_ && length) {
    body_->reserve(std::min<std::uint64_t>(*length, kBodyReserveMax));
  }
}

template <bool is_request>
std::size_t MessageParser<is_request>::on_body_impl(View bytes, Code&) {
  body_->append(bytes.data(), bytes.size());
  return bytes.size();
}

template <bool is_request>
std::size_t MessageParser<is_request>::on_chunk_body_impl(std::uint64_t, View bytes, Code&) {
  body_->append(bytes.data(), bytes.size());
  return bytes.size();
}

template class MessageParser<true>;
template class MessageParser<false>;

RequestParser::RequestParser(const MessageLimits& limits) : MessageParser<true>(limits) {
  body_ = &request_.body;
}

void RequestParser::on_request_impl(http::verb, View method, View target, int version, Code& code) {
  version_ = version;
  request_.method.assign(method.data(), method.size());
  const std::string_view text(target.data(), target.size());
  if (!split_target(text, request_.path, request_.query)) code = http::error::bad_target;
}

Request RequestParser::take() {
  request_.headers = std::move(headers_);
  return std::move(request_);
}

bool RequestParser::expects_continue() const {
  return version_ >= 11 && iequals(headers_.get("expect"), "100-continue");
}

ReplyParser::ReplyParser(const MessageLimits& limits, bool head_only)
    : MessageParser<false>(limits) {
  if (head_only) skip_body();
}

void ReplyParser::on_response_impl(int status, View, int version, Code&) {
  version_ = version;
  status_ = status;
}

}  // namespace xc::net

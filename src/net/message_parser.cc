#include "net/message_parser.h"

#include <algorithm>
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

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

// RFC 3986 §3.2.2: what may stand in a host's name.
bool is_host_char(char c) {
  return is_digit(c) || is_alpha(c) ||
         std::string_view("-._~!$&'()*+,;=%").find(c) != std::string_view::npos;
}
bool is_ip_literal_char(char c) { return is_host_char(c) || c == ':'; }

// "host", "host:80", "[::1]:80". No user: RFC 9110 §4.2.4 has http addresses with one refused.
bool is_authority(std::string_view text) {
  std::size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    if (!std::ranges::all_of(text.substr(1, end - 1), is_ip_literal_char)) return false;
    ++end;
  } else {
    end = std::min(text.find(':'), text.size());
    if (end == 0 || !std::ranges::all_of(text.substr(0, end), is_host_char)) return false;
  }
  if (end == text.size()) return true;
  return text[end] == ':' && std::ranges::all_of(text.substr(end + 1), is_digit);
}

bool is_scheme(std::string_view text) {
  const auto fits = [](char c) {
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  };
  return !text.empty() && is_alpha(text.front()) && std::ranges::all_of(text, fits);
}

}  // namespace

bool may_begin_chunk(std::string_view text, bool after_chunk) {
  constexpr std::size_t kDigitsMax = 16;  // of 64 bits; zeros before them count for nothing
  for (const char wanted : std::string_view(after_chunk ? "\r\n" : "")) {
    if (text.empty()) return true;
    if (text.front() != wanted) return false;
    text.remove_prefix(1);
  }
  if (text.empty()) return true;
  const auto is_hex = [](char c) { return hex_digit(c) >= 0; };
  const auto end = std::ranges::find_if_not(text, is_hex);
  const auto digits = static_cast<std::size_t>(end - text.begin());
  const std::size_t zeros = std::min(text.find_first_not_of('0'), digits);
  if (digits == 0 || digits - zeros > kDigitsMax) return false;
  text.remove_prefix(digits);
  if (text.empty()) return true;
  if (text.front() == '\r') return text.size() == 1 || text[1] == '\n';
  return text.front() == ';' || text.front() == ' ' || text.front() == '\t';
}

bool split_target(std::string_view target, std::string& path, std::string& query) {
  if (target == "*") target = "/";  // OPTIONS *
  if (!target.starts_with('/')) {   // absolute form, as sent to proxies
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos || !is_scheme(target.substr(0, scheme))) return false;
    const std::size_t slash = target.find_first_of("/?", scheme + 3);
    const std::string_view authority = target.substr(scheme + 3);
    if (!is_authority(authority.substr(0, std::min(slash - scheme - 3, authority.size())))) {
      return false;
    }
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
  if (line_cut_ && bytes.size() < 5) {
    if (!may_begin_chunk(bytes, in_chunks_)) return refused(http::error::bad_chunk);
    return skipped;
  }
  Code code;
  const std::size_t used = Base::put(boost::asio::buffer(bytes.data(), bytes.size()), code);
  if (code && code != http::error::need_more) return refused(code);
  if (!head_done_) head_bytes_ += used;
  line_cut_ = head_done_ && used < bytes.size();
  // Beast looks at a size line when it is whole; what can never become one is refused as it comes.
  if (line_cut_ && !done() && !may_begin_chunk(bytes.substr(used), in_chunks_)) {
    return refused(http::error::bad_chunk);
  }
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
  if (++fields_ > limits_.head_fields_max) {
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
  headers_.add(name_text, value);
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

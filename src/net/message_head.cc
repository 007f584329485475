#include "net/message_head.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <ctime>

#include "base/byte_scan.h"

namespace xc::net {
namespace {

// Set by the server itself; a handler's own would contradict the body.
bool is_reserved(std::string_view name) {
  using boost::beast::iequals;
  return iequals(name, "content-length") || iequals(name, "transfer-encoding") ||
         iequals(name, "connection") || iequals(name, "date");
}

}  // namespace

std::string_view http_date() {
  thread_local std::time_t made_at = 0;
  thread_local char text[32] = "";
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    // The C locale's names, as the standard asks: the program never calls setlocale.
    std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    made_at = now;
  }
  return text;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t end = find_control(value, at);
    out += value.substr(at, end - at);
    if (end < value.size()) out += value[end] == '\t' ? '\t' : ' ';
    at = end + 1;
  }
  out += "\r\n";
}

bool is_clean_target(std::string_view target) {
  const bool clean = find_control(target) == target.size();
  return clean && target.find(' ') == std::string_view::npos && target.starts_with('/');
}

void append_reply_head(std::string& out, const ReplyHead& head, const Headers& extra) {
  out.reserve(768);  // with a receipt
  out += head.http_1_1 ? "HTTP/1.1 " : "HTTP/1.0 ";
  out += std::to_string(head.status);
  out += ' ';
  const auto status = boost::beast::http::int_to_status(static_cast<unsigned>(head.status));
  const auto reason = boost::beast::http::obsolete_reason(status);
  out.append(reason.data(), reason.size());
  out += "\r\nDate: ";
  out += http_date();
  out += "\r\n";
  if (!head.content_type.empty()) append_field(out, "Content-Type", head.content_type);
  if (head.framing == Framing::Length) {
    append_field(out, "Content-Length", std::to_string(head.body_bytes));
  } else if (head.framing == Framing::Chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  }
  if (!head.keep_alive) {
    out += "Connection: close\r\n";
  } else if (!head.http_1_1) {
    out += "Connection: keep-alive\r\n";
  }
  for (const auto& [name, value] : extra.fields()) {
    if (!is_reserved(name)) append_field(out, name, value);
  }
  out += "\r\n";
}

}  // namespace xc::net

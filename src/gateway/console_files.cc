#include "gateway/console_files.h"

#include <zlib.h>

#include <optional>
#include <string>
#include <utility>

namespace xc::gateway {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Calls `take` with each member of a comma-separated list.
template <typename Take>
void for_each_member(std::string_view list, Take take) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    take(trim(list.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// "q=0", "q=0.000": not acceptable.
bool is_refused(std::string_view parameters) {
  const std::size_t q = parameters.find("q=0");
  if (q == std::string_view::npos) return false;
  const std::string_view rest = trim(parameters.substr(q + 3));
  return rest.find_first_not_of(".0") == std::string_view::npos;
}

// The file is our own, so its size (last four bytes of gzip) can be trusted.
std::optional<std::string> unzip(std::string_view gzip) {
  if (gzip.size() < 18) return std::nullopt;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(gzip[gzip.size() - 4 + i]));
  };
  std::string out(byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
  stream.avail_in = static_cast<uInt>(gzip.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (ended != Z_STREAM_END) return std::nullopt;
  return out;
}

void set_headers(net::Headers& headers, const console::Asset& file) {
  headers.set("Content-Security-Policy", std::string(console::kContentSecurityPolicy));
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("ETag", std::string(file.etag));
  headers.set("Vary", "Accept-Encoding");
  headers.set("Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache");
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  bool accepts = false;
  bool named = false;
  for_each_member(accept_encoding, [&](std::string_view member) {
    const std::size_t semicolon = member.find(';');
    const std::string_view coding = trim(member.substr(0, semicolon));
    const bool gzip = coding == "gzip" || coding == "x-gzip";
    if (!gzip && (coding != "*" || named)) return;  // the name weighs more than the star
    named = gzip;
    accepts = semicolon == std::string_view::npos || !is_refused(member.substr(semicolon));
  });
  return accepts;
}

bool names_tag(std::string_view if_none_match, std::string_view etag) {
  bool named = trim(if_none_match) == "*";
  for_each_member(if_none_match, [&](std::string_view member) {
    if (member.starts_with("W/")) member.remove_prefix(2);
    named = named || member == etag;
  });
  return named;
}

Task<Status> serve_console_file(Call& call, const console::Asset& file) {
  net::Headers& headers = call.exchange.reply_headers();
  set_headers(headers, file);
  call.audit.outcome(200);
  const net::Headers& asked = call.request().headers;
  if (names_tag(asked.get("If-None-Match"), file.etag)) {
    call.audit.outcome(304);
    Status replied = co_await call.exchange.reply(304, {}, {});
    co_return replied;
  }
  if (accepts_gzip(asked.get("Accept-Encoding"))) {
    headers.set("Content-Encoding", "gzip");
    Status replied = co_await call.exchange.reply_static(200, file.content_type, file.gzip);
    co_return replied;
  }
  std::optional<std::string> plain = unzip(file.gzip);
  if (!plain) co_return fail_internal("an embedded file does not unzip");
  Status replied = co_await call.exchange.reply(200, file.content_type, std::move(*plain));
  co_return replied;
}

}  // namespace xc::gateway

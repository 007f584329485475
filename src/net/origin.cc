#include "net/address.h"
#include "net/client.h"

namespace xc::net {
namespace {

constexpr const char* kForms = "http://HOST:PORT/BASE | https://HOST:PORT/BASE | unix:/PATH:/BASE";

std::unexpected<Error> bad_url(std::string_view url) {
  return fail(Code::InvalidRequest, Message::BadSetting, {"url", std::string(url), kForms});
}

bool is_clean(std::string_view text) {
  return text.find_first_of(" \t\r\n\"<>\\@") == std::string_view::npos;
}

void set_base(Origin& origin, std::string_view base) {
  while (base.ends_with('/')) base.remove_suffix(1);
  origin.base_path = base;
}

Result<Origin> parse_unix(std::string_view url, std::string_view rest) {
  Origin origin;
  const std::size_t colon = rest.find(":/");
  if (colon != std::string_view::npos) set_base(origin, rest.substr(colon + 1));
  origin.unix_path = rest.substr(0, colon);
  if (!origin.unix_path.starts_with('/') || origin.unix_path.size() > unix_path_bytes_max()) {
    return bad_url(url);
  }
  return origin;
}

}  // namespace

Result<Origin> Origin::parse(std::string_view url) {
  if (url.starts_with("unix:")) return parse_unix(url, url.substr(5));
  Origin origin;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    origin.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return bad_url(url);
  }
  if (!is_clean(rest)) return bad_url(url);  // also "user:password@": secrets belong in headers
  const std::size_t slash = rest.find_first_of("/?#");
  if (slash != std::string_view::npos) {
    if (rest.find_first_of("?#") != std::string_view::npos) return bad_url(url);
    set_base(origin, rest.substr(slash));
  }
  std::string authority(rest.substr(0, slash));
  const bool has_port = authority.rfind(':') != std::string::npos &&
                        authority.rfind(':') + 1 > authority.find(']') + 1;
  if (!has_port) authority += origin.tls ? ":443" : ":80";
  Result<Address> address = Address::parse(authority);
  if (!address || address->port == 0) return bad_url(url);
  origin.host = address->host;
  origin.port = std::to_string(address->port);
  return origin;
}

std::string Origin::key() const {
  std::string key;
  append_key(key);
  return key;
}

void Origin::append_key(std::string& out) const {
  if (!unix_path.empty()) {
    out += "unix:";
    out += unix_path;
    return;
  }
  const bool v6 = host.find(':') != std::string::npos;
  out += tls ? "https://" : "http://";
  if (v6) out += '[';
  out += host;
  out += v6 ? "]:" : ":";
  out += port;
}

}  // namespace xc::net

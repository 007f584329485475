#include "net/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <charconv>

namespace xc::net {
namespace {

std::unexpected<Error> bad_address(std::string_view text, std::string reason) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {"listen", std::string(text), std::move(reason)});
}

}  // namespace

std::size_t unix_path_bytes_max() { return sizeof(sockaddr_un::sun_path) - 1; }

Result<Address> Address::parse(std::string_view text) {
  Address address;
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.empty() || address.unix_path.size() > unix_path_bytes_max()) {
      return bad_address(text, "unix:/PATH, 1–" + std::to_string(unix_path_bytes_max()) + " B");
    }
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad_address(text, "HOST:PORT");
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad_address(text, "[IPv6]:PORT");
  }
  const std::string_view port = text.substr(colon + 1);
  const char* end = port.data() + port.size();
  const auto [at, error] = std::from_chars(port.data(), end, address.port);
  if (port.empty() || at != end || error != std::errc()) return bad_address(text, "PORT 0–65535");
  address.host = host;
  if (host.empty()) return bad_address(text, "HOST:PORT");
  return address;
}

std::string Address::text() const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool Address::is_loopback() const {
  if (!unix_path.empty() || host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace xc::net

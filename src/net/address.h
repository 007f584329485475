// Where a server listens: "HOST:PORT", "[::1]:8660" or "unix:/path".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::net {

struct Address {
  std::string unix_path;  // when not empty, host and port are unused
  std::string host;       // without brackets
  std::uint16_t port = 0;

  // Error: BadSetting.
  static Result<Address> parse(std::string_view text);
  std::string text() const;
  // Only this machine can reach it: 127.0.0.0/8, ::1, localhost or a Unix socket.
  bool is_loopback() const;
};

// The longest path that a Unix socket's address holds, in bytes.
std::size_t unix_path_bytes_max();

}  // namespace xc::net

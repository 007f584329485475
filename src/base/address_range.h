// A range of source addresses: "10.0.0.0/8", "2001:db8::/32", one address, or "unix".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace xc {

// An address as 16 bytes; IPv4 as ::ffff:a.b.c.d, which is also how a dual-stack socket shows it.
using AddressBytes = std::array<std::uint8_t, 16>;
// Nothing when it is no address. A scope ("%eth0") is ignored.
std::optional<AddressBytes> address_bytes(const std::string& text);
bool is_v4(const AddressBytes& address);

// Plain data. An IPv6 range never holds an IPv4 address, nor the other way round: "::/0" is every
// IPv6 address.
struct AddressRange {
  AddressBytes network{};
  int bits = 0;              // of the 128
  bool unix_socket = false;  // "unix": callers through a Unix socket

  // Error: BadSetting, also when bits beyond the prefix are set: 10.1.0.0/8 is a slip that would
  // open far more than was meant.
  static Result<AddressRange> parse(const std::string& text);
  // `peer` as net::Request has it: an address or "unix".
  bool contains(const std::string& peer) const;
};

}  // namespace xc

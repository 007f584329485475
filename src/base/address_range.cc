#include "base/address_range.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace xc {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::unexpected<Error> bad_range(const std::string& text, std::string wanted) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {"sources", text.substr(0, 64), std::move(wanted)});
}

// Whether the first `bits` of the two are the same.
bool same_prefix(const AddressBytes& a, const AddressBytes& b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return (a[whole] & mask) == (b[whole] & mask);
}

bool has_bits_beyond(const AddressBytes& address, int bits) {
  for (int i = bits; i < 128; ++i) {
    if ((address[static_cast<std::size_t>(i / 8)] >> (7 - i % 8) & 1) != 0) return true;
  }
  return false;
}

}  // namespace

std::optional<AddressBytes> address_bytes(const std::string& text) {
  AddressBytes bytes{};
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    std::ranges::copy(kMapped, bytes.begin());
    std::memcpy(bytes.data() + kMapped.size(), &v4, sizeof(v4));
    return bytes;
  }
  const std::size_t scope = text.find('%');
  const std::string plain = scope == std::string::npos ? std::string() : text.substr(0, scope);
  const char* wanted = scope == std::string::npos ? text.c_str() : plain.c_str();
  if (inet_pton(AF_INET6, wanted, bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool is_v4(const AddressBytes& address) {
  return std::equal(kMapped.begin(), kMapped.end(), address.begin());
}

Result<AddressRange> AddressRange::parse(const std::string& text) {
  AddressRange range;
  if (text == "unix") {
    range.unix_socket = true;
    return range;
  }
  const std::size_t slash = text.find('/');
  const std::optional<AddressBytes> address = address_bytes(text.substr(0, slash));
  if (!address || text.find('%') != std::string::npos) {
    return bad_range(text, "10.0.0.0/8, 2001:db8::/32, 192.0.2.7, unix");
  }
  const int offset = is_v4(*address) ? 96 : 0;
  int bits = 128 - offset;
  if (slash != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + slash + 1, end, bits);
    if (error != std::errc() || at != end || bits < 0 || bits > 128 - offset) {
      return bad_range(text, "/0 … /" + std::to_string(128 - offset));
    }
  }
  range.network = *address;
  range.bits = bits + offset;
  if (has_bits_beyond(range.network, range.bits)) {
    return bad_range(text, "no bits beyond /" + std::to_string(bits));
  }
  return range;
}

bool AddressRange::contains(const std::string& peer) const {
  if (peer == "unix" || unix_socket) return unix_socket && peer == "unix";
  const std::optional<AddressBytes> address = address_bytes(peer);
  if (!address || is_v4(*address) != (bits >= 96 && is_v4(network))) return false;
  return same_prefix(*address, network, bits);
}

}  // namespace xc

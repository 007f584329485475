#include "net/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/limits.h"

namespace xc::net {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;  // of version 2
constexpr std::size_t kHeadBytes = 16;                             // of version 2
constexpr std::string_view kPrefix = "PROXY ";                     // of version 1
constexpr std::size_t kLineBytesMin = 15;                          // "PROXY UNKNOWN\r\n"
constexpr std::size_t kLineBytesMax = 107;                         // with CR LF
const ProxyHeader kBad{ProxyHeader::State::Bad};

bool may_be(std::string_view whole, std::string_view have) {
  const std::size_t size = std::min(whole.size(), have.size());
  return whole.substr(0, size) == have.substr(0, size);
}

// Of the addresses and TLVs behind the first 16 bytes.
std::size_t length_of(std::string_view head) {
  return static_cast<std::size_t>(static_cast<unsigned char>(head[14])) << 8 |
         static_cast<unsigned char>(head[15]);
}

// A decimal port without signs and leading zeros.
bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value <= 65'535 &&
         (text.size() == 1 || text.front() != '0');
}

// Canonical text of an address, or empty.
std::string address_of(int family, std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (inet_pton(family, std::string(text).c_str(), bytes.data()) != 1) return {};
  inet_ntop(family, bytes.data(), out.data(), out.size());
  return out.data();
}

std::string address_at(int family, std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  inet_ntop(family, bytes.data(), out.data(), out.size());
  return out.data();
}

// "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443", without CR LF.
ProxyHeader parse_line(std::string_view line) {
  constexpr std::string_view kUnknown = "PROXY UNKNOWN";
  if (line == kUnknown || line.starts_with("PROXY UNKNOWN ")) return {ProxyHeader::State::Whole};
  std::array<std::string_view, 6> words;
  std::size_t count = 0;
  while (count < words.size()) {
    const std::size_t space = line.find(' ');
    words[count++] = line.substr(0, space);
    if (space == std::string_view::npos) break;
    line.remove_prefix(space + 1);
    if (count == words.size()) return kBad;
  }
  if (count != words.size() || words[0] != "PROXY") return kBad;
  if (words[1] != "TCP4" && words[1] != "TCP6") return kBad;
  const int family = words[1] == "TCP4" ? AF_INET : AF_INET6;
  ProxyHeader header{ProxyHeader::State::Whole, address_of(family, words[2])};
  const bool good = !header.source.empty() && !address_of(family, words[3]).empty() &&
                    is_port(words[4]) && is_port(words[5]);
  return good ? header : kBad;
}

ProxyHeader parse_first(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) {
    return bytes.size() < kLineBytesMax ? ProxyHeader{} : kBad;
  }
  if (end + 1 != bytes.size() || bytes.size() > kLineBytesMax || end == 0 ||
      bytes[end - 1] != '\r') {
    return kBad;
  }
  return parse_line(bytes.substr(0, end - 1));
}

ProxyHeader parse_second(std::string_view bytes) {
  const auto version_command = static_cast<unsigned char>(bytes[12]);
  const auto family = static_cast<unsigned char>(bytes[13]);
  const std::size_t length = length_of(bytes);
  if (version_command >> 4 != 2 || (version_command & 15) > 1) return kBad;
  if (family >> 4 > 3 || (family & 15) > 2) return kBad;
  if (length > limits::kProxyBytesMax) return kBad;
  constexpr std::array<std::size_t, 4> kAddressBytes{0, 12, 36, 216};
  const bool local = (version_command & 15) == 0;
  if (!local && length < kAddressBytes[family >> 4]) return kBad;
  if (bytes.size() < kHeadBytes + length) return {};
  if (bytes.size() > kHeadBytes + length) return kBad;
  ProxyHeader header{ProxyHeader::State::Whole};
  if (local) return header;
  if (family == 0x11) header.source = address_at(AF_INET, bytes.substr(kHeadBytes, 4));
  if (family == 0x21) header.source = address_at(AF_INET6, bytes.substr(kHeadBytes, 16));
  return header;
}

}  // namespace

std::size_t proxy_header_share(std::string_view have, std::string_view next) {
  if (parse_proxy_header(have).state != ProxyHeader::State::Incomplete) return 0;
  std::size_t wanted = 0;
  if (have.empty()) {
    // Which of the two it is; both are longer than this.
    wanted = kLineBytesMin;
  } else if (may_be(kSignature, have)) {
    wanted = have.size() < kHeadBytes ? kHeadBytes : kHeadBytes + length_of(have);
  } else if (have.size() < kLineBytesMin) {
    wanted = kLineBytesMin;
  } else {
    const std::size_t end = next.find('\n');
    const std::size_t most = std::min(next.size(), kLineBytesMax - have.size());
    return end < most ? end + 1 : most;
  }
  return std::min(next.size(), wanted - have.size());
}

ProxyHeader parse_proxy_header(std::string_view bytes) {
  if (may_be(kSignature, bytes)) {
    return bytes.size() < kHeadBytes ? ProxyHeader{} : parse_second(bytes);
  }
  if (may_be(kPrefix, bytes)) return parse_first(bytes);
  return kBad;
}

}  // namespace xc::net

#include "net/link_local.h"

#include <algorithm>
#include <array>

#include "base/address_range.h"

namespace xc::net {

bool is_link_local(const std::string& host) {
  static const auto ranges = [] {
    std::array<AddressRange, 8> made{};
    constexpr std::array kTexts{
        "169.254.0.0/16",     "0.0.0.0/8",         "224.0.0.0/4", "fe80::/10",
        "100.100.100.200/32", "fd00:ec2::254/128", "ff00::/8",    "::/128"};
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = *AddressRange::parse(kTexts[i]);
    return made;
  }();
  if (!address_bytes(host)) return false;
  return std::ranges::any_of(ranges,
                             [&host](const AddressRange& range) { return range.contains(host); });
}

}  // namespace xc::net

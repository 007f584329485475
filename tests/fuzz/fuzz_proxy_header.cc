// What a load balancer says in front of a connection. No input breaks the reader, it never takes a
// byte behind the header, and the pieces in which the bytes come do not matter.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/address_range.h"
#include "base/assert.h"
#include "net/proxy_header.h"

namespace {

std::string taken(const std::string& all, std::size_t step) {
  std::string have;
  while (have.size() < all.size()) {
    const std::string next = all.substr(have.size(), step);
    const std::size_t share = xc::net::proxy_header_share(have, next);
    XC_ASSERT(share <= next.size());
    if (share == 0) break;
    have += next.substr(0, share);
  }
  return have;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::net;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string whole = taken(text, text.size() + 1);
  const std::string bytewise = taken(text, 1);
  const ProxyHeader header = parse_proxy_header(whole);
  const ProxyHeader again = parse_proxy_header(bytewise);
  XC_ASSERT(header.state == again.state && header.source == again.source);
  if (header.state == ProxyHeader::State::Whole) {
    XC_ASSERT(whole == bytewise);
    XC_ASSERT(header.source.empty() || xc::address_bytes(header.source));
  }
  return 0;
}

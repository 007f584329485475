// The PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt): what a load balancer
// says in front of a connection about who is behind it. Pure: bytes in, an address out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace xc::net {

struct ProxyHeader {
  enum class State { Incomplete, Whole, Bad };
  State state = State::Incomplete;
  // The client's address as text. Empty: the proxy speaks for itself (LOCAL, a health check) or
  // does not know (UNKNOWN, UNSPEC, another family); then the connection's own address counts.
  std::string source = {};
};

// How many of the bytes `next`, which follow `have`, belong to the header: never one more, because
// what follows it is the client's TLS. 0 only when the header is whole or bad. `have` is what this
// function allotted so far.
std::size_t proxy_header_share(std::string_view have, std::string_view next);
// `bytes`: as allotted by proxy_header_share. Strict: what the specification calls invalid is Bad.
// TLVs of version 2 are skipped.
ProxyHeader parse_proxy_header(std::string_view bytes);

}  // namespace xc::net

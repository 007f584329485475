// Addresses that lead to the machine's own cloud or to nowhere in particular, not to a server that
// somebody means.
#pragma once

#include <string>

namespace xc::net {

// `host`: a numeric address without brackets; false for a name. Link-local (169.254.0.0/16, where
// clouds keep their metadata services, fe80::/10), "this network" (0.0.0.0/8, ::), multicast, and
// the metadata addresses that are none of these: 100.100.100.200 and fd00:ec2::254. IPv4 in IPv6 is
// seen through.
bool is_link_local(const std::string& host);

}  // namespace xc::net

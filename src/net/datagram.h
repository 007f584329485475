// One datagram to one receiver. Blocking (names are looked up); for threads that may wait.
#pragma once

#include <string>
#include <string_view>

#include "net/address.h"

namespace xc::net {

// UDP to host and port, or a Unix datagram socket. Nobody says whether it arrived. Error: Upstream
// (no such name or socket, larger than the system sends).
Status send_datagram(const Address& to, std::string_view bytes);

}  // namespace xc::net

#include "net/datagram.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/descriptor.h"

namespace xc::net {
namespace {

std::unexpected<Error> refused(const Address& to, std::string reason) {
  return fail(Code::Upstream, Message::UpstreamFailed, {std::move(reason)}, to.text());
}

Status send_to(const Address& to, int family, const sockaddr* name, socklen_t size,
               std::string_view bytes) {
  const Descriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.fd < 0) return refused(to, std::strerror(errno));
  const ssize_t sent =
      ::sendto(socket.fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL, name, size);
  if (sent < 0) return refused(to, std::strerror(errno));
  return {};
}

}  // namespace

Status send_datagram(const Address& to, std::string_view bytes) {
  if (!to.unix_path.empty()) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, to.unix_path.data(),
                std::min(to.unix_path.size(), unix_path_bytes_max()));
    return send_to(to, AF_UNIX, reinterpret_cast<const sockaddr*>(&name), sizeof(name), bytes);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int rc = ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &list);
  if (rc != 0) return refused(to, ::gai_strerror(rc));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  return send_to(to, list->ai_family, list->ai_addr, list->ai_addrlen, bytes);
}

}  // namespace xc::net

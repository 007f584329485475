#include "net/listen_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/limits.h"

namespace xc::net {
namespace {

std::unexpected<Error> in_use(const Address& address) {
  return fail(Code::Conflict, Message::PortInUse, {address.text()});
}

std::unexpected<Error> refused(const Address& address, int error) {
  if (error == EADDRINUSE) return in_use(address);
  if (!address.unix_path.empty()) {
    return fail(Code::Internal, Message::FileError, {address.unix_path, std::strerror(error)});
  }
  return fail(Code::InvalidRequest, Message::BadSetting,
              {"listen", address.text(), std::strerror(error)});
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), std::min(path.size(), unix_path_bytes_max()));
  return name;
}

bool is_socket(const std::string& path, ino_t* inode) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  *inode = info.st_ino;
  return true;
}

// Somebody listens there; only a refused connection proves that nobody does.
bool is_alive(const sockaddr_un& name) {
  const int probe = open_socket(AF_UNIX);
  if (probe < 0) return true;
  const int rc = ::connect(probe, reinterpret_cast<const sockaddr*>(&name), sizeof(name));
  const bool dead = rc != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return !dead;
}

}  // namespace

int open_socket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
  close();
  fd_ = std::exchange(other.fd_, -1);
  address_ = std::move(other.address_);
  inode_ = other.inode_;
  return *this;
}

void ListenSocket::close() {
  if (fd_ < 0) return;
  ino_t inode = 0;
  if (!address_.unix_path.empty() && is_socket(address_.unix_path, &inode) && inode == inode_) {
    ::unlink(address_.unix_path.c_str());
  }
  ::close(std::exchange(fd_, -1));
}

Result<ListenSocket> ListenSocket::open(const Address& address) {
  return address.unix_path.empty() ? open_tcp(address) : open_unix(address);
}

Result<ListenSocket> ListenSocket::open_tcp(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(address.port);
  if (const int rc = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &list); rc != 0) {
    return fail(Code::InvalidRequest, Message::BadSetting,
                {"listen", address.text(), ::gai_strerror(rc)});
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  ListenSocket made;
  made.address_ = address;
  made.fd_ = open_socket(list->ai_family);
  if (made.fd_ < 0) return refused(address, errno);
  const int on = 1;  // a restart need not wait for old connections in TIME_WAIT
  ::setsockopt(made.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(made.fd_, list->ai_addr, list->ai_addrlen) != 0 ||
      ::listen(made.fd_, limits::kListenBacklog) != 0) {
    return refused(address, errno);
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  ::getsockname(made.fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  made.address_.port =
      ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                        : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  return made;
}

Result<ListenSocket> ListenSocket::open_unix(const Address& address) {
  const sockaddr_un name = unix_address(address.unix_path);
  const auto* generic = reinterpret_cast<const sockaddr*>(&name);
  ListenSocket made;
  made.fd_ = open_socket(AF_UNIX);
  if (made.fd_ < 0) return refused(address, errno);
  int rc = ::bind(made.fd_, generic, sizeof(name));
  if (rc != 0 && errno == EADDRINUSE) {
    ino_t inode = 0;
    if (!is_socket(address.unix_path, &inode)) return refused(address, EEXIST);
    if (is_alive(name)) return in_use(address);
    ::unlink(address.unix_path.c_str());
    rc = ::bind(made.fd_, generic, sizeof(name));
  }
  if (rc != 0) return refused(address, errno);
  is_socket(address.unix_path, &made.inode_);
  made.address_ = address;  // from here on close() removes the file
  // Before listen(), so that nobody else gets in between.
  if (::chmod(address.unix_path.c_str(), 0600) != 0 ||
      ::listen(made.fd_, limits::kListenBacklog) != 0) {
    return refused(address, errno);
  }
  return made;
}

}  // namespace xc::net

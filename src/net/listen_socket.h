// Binds and listens, on TCP or on a Unix socket.
#pragma once

#include <sys/types.h>

#include "net/address.h"

namespace xc::net {

// Owns a listening descriptor, non-blocking. A Unix socket's file is removed with it, unless
// somebody else has replaced it since.
class ListenSocket {
 public:
  // May resolve a host name and so block: for start-up.
  // Error: PortInUse, FileError, BadSetting. A socket file of a dead process is replaced.
  static Result<ListenSocket> open(const Address& address);
  ListenSocket() = default;
  ListenSocket(ListenSocket&& other) noexcept { *this = std::move(other); }
  ListenSocket& operator=(ListenSocket&& other) noexcept;
  ~ListenSocket() { close(); }

  int fd() const { return fd_; }
  const Address& address() const { return address_; }  // with the real port
  void close();

 private:
  static Result<ListenSocket> open_tcp(const Address& address);
  static Result<ListenSocket> open_unix(const Address& address);

  int fd_ = -1;
  Address address_;
  ino_t inode_ = 0;
};

// A new close-on-exec, non-blocking stream socket, or -1 with errno.
int open_socket(int family);
// Small pieces leave at once. Harmless on a Unix socket.
void set_no_delay(int fd);

}  // namespace xc::net

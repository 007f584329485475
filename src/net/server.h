// The HTTP/1.1 server: listens on TCP (optionally TLS) or a Unix socket, bounds everything.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/address_range.h"
#include "base/limits.h"
#include "net/http.h"
#include "net/runtime.h"
#include "net/tls_files.h"

namespace xc::net {

struct ServerOptions {
  // "HOST:PORT", "[::1]:8660" or "unix:/path". Port 0 takes a free one.
  std::string address;
  TlsFiles tls;
  // Whose connections begin with a PROXY protocol header that names the real client; from others
  // none is accepted. proxy_header.h says what it may be. Empty: nobody's.
  std::vector<AddressRange> proxies = {};
  std::size_t head_bytes_max = limits::kHeadBytesMax;
  std::size_t head_fields_max = limits::kHeadFieldsMax;
  std::size_t body_bytes_max = limits::kBodyBytesMax;
  std::chrono::seconds head_timeout = limits::kHeadTimeout;
  std::chrono::seconds body_timeout = limits::kBodyTimeout;
  std::chrono::seconds idle_timeout = limits::kIdleTimeout;
  std::chrono::seconds write_timeout = limits::kWriteTimeout;
  std::size_t connections_max = limits::kConnectionsMax;
};

class Server {
 public:
  // Both references must outlive the server. handler runs on the connection's thread; what it
  // throws is logged and becomes 500 (the wall of DESIGN §8).
  Server(Runtime& runtime, ServerOptions options, Handler handler, ErrorRenderer error_renderer);
  ~Server();

  // Binds, listens and starts to accept. Error: Message::PortInUse, FileError, BadSetting.
  // A Unix socket left by a dead process is replaced; one in use is PortInUse.
  Status open();
  // Other certificates for the handshakes from now on; connections go on as they are. Blocking
  // (files), thread-safe. Error: BadSetting, and everything stays as it was; also when the server
  // was opened without TLS, or would be without it now.
  Status reload_tls(const TlsFiles& files);
  // The address in use, with the real port.
  std::string address() const;
  // Stops accepting, lets running exchanges end until the deadline, then cancels them.
  Task<void> close(Deadline deadline);

  struct Counters {
    std::uint64_t connections_total = 0;
    std::uint64_t connections_open = 0;
    std::uint64_t requests_total = 0;
    std::uint64_t refused_total = 0;  // bad HTTP, limits, time-outs
  };
  Counters counters() const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace xc::net

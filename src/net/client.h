// HTTP/1.1 client for endpoints: a Unix socket, TCP or TLS; keep-alive pools per I/O thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "net/http.h"
#include "net/runtime.h"
#include "net/tls_files.h"

namespace xc::net {

// A parsed "http://host:port/base", "https://…" or "unix:/path[:/base]".
struct Origin {
  bool tls = false;
  std::string unix_path;  // when not empty, host and port are unused
  std::string host;
  std::string port;
  std::string base_path;  // without trailing '/', may be empty
  bool guarded = false;   // never connects to a link-local or metadata address (link_local.h)
  static Result<Origin> parse(std::string_view url);
  std::string key() const;  // for pools and logs; holds no secret
  void append_key(std::string& out) const;
};

struct ClientRequest {
  std::string method = "GET";
  std::string target;  // path and query, appended to the origin's base path
  Headers headers;     // Host, Content-Length and Connection are set by the client
  std::string body;
  std::string_view more_body = {};  // goes behind body; lives until the reply's head is there
};

// The reply's head, and its body piece by piece. Destroying it before the end closes the
// connection: that is how a generation upstream is cancelled. Stays on its I/O thread.
class ClientReply {
 public:
  virtual ~ClientReply() = default;
  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;
  // What needs no waiting: appends what came with the head; false when there is nothing.
  virtual bool take_ready(std::string& out) = 0;
  virtual bool complete() const = 0;  // read_some would say false at once
  // Appends the next piece to `out`; false at the end of a complete body. Error: Upstream when the
  // body breaks off, Timeout.
  virtual Task<Result<bool>> read_some(std::string& out, Deadline deadline) = 0;
  // The rest, at most bytes_max (else Upstream).
  virtual Task<Result<std::string>> read_all(std::size_t bytes_max, Deadline deadline) = 0;
};

struct Peer;  // client_stream.h

class Client {
 public:
  // idle_per_thread: kept connections per origin and thread. tls: a file that cannot be read fails
  // each TLS send with its reason.
  explicit Client(Runtime& runtime, std::size_t idle_per_thread = 32, ClientTls tls = {});
  Client(Runtime& runtime, std::size_t idle_per_thread, std::string ca_file);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Other certificates for the connections from now on. Blocking (files), thread-safe. Error:
  // BadSetting, and everything stays as it was.
  Status reload_tls(ClientTls tls);

  // Opens a connection of its own, sends the bytes as they are and closes it: for protocols that
  // are not HTTP (syslog). origin.base_path is not used. Error: as send().
  Task<Status> send_bytes(const Origin& origin, std::string bytes, Deadline deadline);

  // Sends and waits for the reply's head. A kept connection that the peer closed before any byte
  // of the reply is retried once on a new one. TCP_NODELAY is on. Call on an I/O thread.
  // Error: Upstream (connect, reset, bad reply), Timeout, Cancelled.
  Task<Result<std::unique_ptr<ClientReply>>> send(const Origin& origin, ClientRequest request,
                                                  Deadline deadline);

 private:
  struct Parts;
  static Task<Result<std::unique_ptr<ClientReply>>> exchange(std::shared_ptr<Parts> parts,
                                                             std::shared_ptr<const Peer> peer,
                                                             std::string base_path,
                                                             ClientRequest request,
                                                             Deadline deadline);
  static Task<Status> push(std::shared_ptr<Parts> parts, Origin origin, std::string bytes,
                           Deadline deadline);
  std::shared_ptr<Parts> parts_;
};

}  // namespace xc::net

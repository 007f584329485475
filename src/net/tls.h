// OpenSSL contexts and sessions. Sessions work on a non-blocking socket directly: no second buffer,
// and the same read-or-wait loop as plain sockets (see stream.h).
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "net/tls_files.h"

namespace xc::net {

struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslFree {
  void operator()(SSL* session) const { SSL_free(session); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextFree>;  // thread-safe once made
// One that may be replaced while sessions of it go on: they hold on to it.
using SharedSslContext = std::shared_ptr<SSL_CTX>;
using SslSession = std::unique_ptr<SSL, SslFree>;

// TLS 1.3, or 1.2 and later; asks clients for certificates when there is a client_ca. Blocking.
// Error: BadSetting with OpenSSL's reason.
Result<SslContext> make_server_tls(const TlsFiles& files);
// TLS 1.2 and later. Verifies against the system's store, and `settings.ca` when not empty.
// Blocking. Error: BadSetting with OpenSSL's reason.
Result<SslContext> make_client_tls(const ClientTls& settings);

// Sessions over `fd`, which stays the caller's. Null only without memory.
SslSession open_server_session(SSL_CTX* context, int fd);
// Sends SNI and checks the certificate for `host`, a name or an IP address.
SslSession open_client_session(SSL_CTX* context, int fd, const std::string& host);

// The reason on top of this thread's OpenSSL error queue, which it empties.
std::string take_tls_error();

}  // namespace xc::net

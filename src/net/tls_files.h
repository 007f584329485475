// Which certificates a listener or a client works with. Plain data, PEM files.
#pragma once

#include <string>

namespace xc::net {

// A listener's. Without `certificate` it is plain.
struct TlsFiles {
  std::string certificate = {};  // chain
  std::string key = {};
  // When not empty: every client must show a certificate that one of these authorities signed.
  std::string client_ca = {};
  bool allow_tls_1_2 = false;  // else 1.3 alone
};

// A client's. TLS 1.2 and later: endpoints are often older than we are.
struct ClientTls {
  std::string ca = {};  // authorities trusted beside the system's
  // What is shown to endpoints that ask for it; both or none.
  std::string certificate = {};
  std::string key = {};
};

}  // namespace xc::net

#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <string_view>

namespace xc::net {
namespace {

constexpr unsigned char kAlpn[] = "\x08http/1.1";
constexpr unsigned kAlpnBytes = sizeof(kAlpn) - 1;

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpn, kAlpnBytes, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;  // go on without: HTTP/1.1 is the default
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

SslContext make_context(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method));
  if (!context) return context;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // RELEASE_BUFFERS: an idle session holds no 32 KiB of buffers. The other two: our retry loop may
  // come back with the same bytes at another address, and wants to know about partial progress.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // tickets do without memory
  return context;
}

std::unexpected<Error> bad_tls(const std::string& setting, const std::string& value) {
  return fail(Code::InvalidRequest, Message::BadSetting, {setting, value, take_tls_error()});
}

// `table`: of the settings, for errors.
Status use_identity(SSL_CTX* context, const std::string& certificate, const std::string& key,
                    const std::string& table) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return bad_tls(table + ".certificate", certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return bad_tls(table + ".key", key);
  }
  return {};
}

// The handshake fails without a certificate of these authorities.
Status demand_certificates(SSL_CTX* context, const std::string& client_ca) {
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(client_ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context, client_ca.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return bad_tls("tls.client_ca", client_ca);
  }
  SSL_CTX_set_client_CA_list(context, names);  // takes them: clients see whose are wanted
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // A ticket stands for a certificate that was checked, so tickets need to know their context; a
  // reload makes a new one with new ticket keys, which ends those of a removed authority too.
  constexpr std::string_view kName = "xingcha";
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(kName.data()),
                                 static_cast<unsigned>(kName.size()));
  return {};
}

}  // namespace

std::string take_tls_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "TLS";
  char text[256];
  ERR_error_string_n(code, text, sizeof(text));
  return text;
}

Result<SslContext> make_server_tls(const TlsFiles& files) {
  SslContext context = make_context(TLS_server_method());
  if (!context) return fail_internal("SSL_CTX_new failed");
  if (!files.allow_tls_1_2) SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_alpn, nullptr);
  XC_CHECK(use_identity(context.get(), files.certificate, files.key, "tls"));
  if (!files.client_ca.empty()) XC_CHECK(demand_certificates(context.get(), files.client_ca));
  return context;
}

Result<SslContext> make_client_tls(const ClientTls& settings) {
  SslContext context = make_context(TLS_client_method());
  if (!context) return fail_internal("SSL_CTX_new failed");
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context.get(), kAlpn, kAlpnBytes);
  SSL_CTX_set_default_verify_paths(context.get());  // none installed: verification fails later
  if (!settings.ca.empty() && SSL_CTX_load_verify_file(context.get(), settings.ca.c_str()) != 1) {
    return bad_tls("endpoint_tls.ca", settings.ca);
  }
  if (!settings.certificate.empty()) {
    XC_CHECK(use_identity(context.get(), settings.certificate, settings.key, "endpoint_tls"));
  }
  ERR_clear_error();
  return context;
}

SslSession open_server_session(SSL_CTX* context, int fd) {
  SslSession session(SSL_new(context));
  if (!session || SSL_set_fd(session.get(), fd) != 1) return nullptr;
  SSL_set_accept_state(session.get());
  return session;
}

SslSession open_client_session(SSL_CTX* context, int fd, const std::string& host) {
  SslSession session(SSL_new(context));
  if (!session || SSL_set_fd(session.get(), fd) != 1) return nullptr;
  SSL_set_connect_state(session.get());
  in6_addr address{};
  const bool numeric = inet_pton(AF_INET, host.c_str(), &address) == 1 ||
                       inet_pton(AF_INET6, host.c_str(), &address) == 1;
  if (numeric) {  // SNI carries names only
    X509_VERIFY_PARAM* param = SSL_get0_param(session.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) != 1) return nullptr;
  } else if (SSL_set_tlsext_host_name(session.get(), host.c_str()) != 1 ||
             SSL_set1_host(session.get(), host.c_str()) != 1) {
    return nullptr;
  }
  return session;
}

}  // namespace xc::net

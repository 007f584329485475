// Certificates for tests.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

#include "net/tls_files.h"

namespace xc::net {

struct FreeTls {
  void operator()(X509* x) const { X509_free(x); }
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(X509_EXTENSION* e) const { X509_EXTENSION_free(e); }
  void operator()(FILE* f) const { std::fclose(f); }
};

// A self-signed certificate for `names` ("DNS:localhost,IP:127.0.0.1") and its key, as PEM files.
inline TlsFiles make_certificate(const std::string& certificate, const std::string& key_path,
                                 const std::string& names, long seconds = 3600) {
  const TlsFiles files{certificate, key_path};
  const std::unique_ptr<EVP_PKEY, FreeTls> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, FreeTls> made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), seconds);
  X509_NAME* name = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(made.get(), name);
  X509_set_pubkey(made.get(), key.get());
  const std::unique_ptr<X509_EXTENSION, FreeTls> alt(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
  X509_add_ext(made.get(), alt.get(), -1);
  EXPECT_GT(X509_sign(made.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<FILE, FreeTls> cert_file(std::fopen(files.certificate.c_str(), "w"));
  const std::unique_ptr<FILE, FreeTls> key_file(std::fopen(files.key.c_str(), "w"));
  PEM_write_X509(cert_file.get(), made.get());
  PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return files;
}

}  // namespace xc::net

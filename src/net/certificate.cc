#include "net/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

#include "base/freer.h"
#include "net/tls.h"

namespace xc::net {
namespace {

using File = std::unique_ptr<FILE, Freer<&std::fclose>>;
using Certificate = std::unique_ptr<X509, Freer<&X509_free>>;
using Output = std::unique_ptr<BIO, Freer<&BIO_free>>;

std::int64_t unix_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return static_cast<std::int64_t>(::timegm(&parts));
}

std::string subject_of(const X509* certificate) {
  const Output out(BIO_new(BIO_s_mem()));
  if (!out) return {};
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

Result<CertificateFacts> read_certificate(const std::string& path, const std::string& setting) {
  const File file(std::fopen(path.c_str(), "re"));
  if (!file && errno == ENOENT) return fail(Code::NotFound, Message::FileMissing, {path});
  if (!file) return fail(Code::Internal, Message::FileError, {path, std::strerror(errno)});
  const Certificate found(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  if (!found) {
    return fail(Code::InvalidRequest, Message::BadSetting, {setting, path, take_tls_error()});
  }
  return CertificateFacts{subject_of(found.get()), unix_of(X509_get0_notBefore(found.get())),
                          unix_of(X509_get0_notAfter(found.get()))};
}

}  // namespace xc::net

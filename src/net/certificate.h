// What a certificate file says about itself, for checks and alarms.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace xc::net {

struct CertificateFacts {
  std::string subject;                 // "CN=gateway.example"
  std::int64_t not_before_unix_s = 0;  // valid from …
  std::int64_t not_after_unix_s = 0;   // … until
};

// The first certificate of a PEM file. Blocking. Error: FileMissing, FileError; BadSetting with
// `setting` as its name when there is no certificate in the file.
Result<CertificateFacts> read_certificate(const std::string& path, const std::string& setting);

}  // namespace xc::net

// Keys of endpoints as the database keeps them: sealed under the installation's master key, for one
// endpoint at one address, so that neither a copy of the database nor a change in it gives a key
// away. The master key is a file of 64 hexadecimal digits; gateways that share a database share it.
#pragma once

#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "crypto/aead.h"

namespace xc::fleet {

class EndpointKeys {
 public:
  // The key of the file, which is made (mode 0600) when there is none; of several processes that
  // make it at once one wins. A file that others may read is used, and the log says so. `random`
  // outlives it. Blocking. Error: MasterKeyBad.
  static Result<EndpointKeys> open(const std::string& path, RandomSource& random);
  // A master key that is in no file, for as long as this object.
  explicit EndpointKeys(RandomSource& random);

  // Thread-safe from here on. The empty key stays empty. Error: InternalError, of OpenSSL.
  Result<std::string> seal(std::string_view endpoint, std::string_view url,
                           std::string_view key) const;
  // What is not sealed, an older program's, is given back as it is. Error: EndpointKeySealed, which
  // names the endpoint and the file.
  Result<std::string> unseal(std::string_view endpoint, std::string_view url,
                             std::string_view kept) const;
  static bool is_clear(std::string_view kept);  // an older program's

 private:
  EndpointKeys(std::string path, const crypto::Digest& master, RandomSource& random);

  std::string path_;
  crypto::Digest key_;  // out of the master key
  RandomSource* random_;
};

// Whether the file is there, is a master key, and is closed to others: what `xingcha doctor` says.
struct MasterKeyFacts {
  bool exists = false;
  bool open_to_others = false;
  unsigned mode = 0;
};
// Error: MasterKeyBad, of a file that is there.
Result<MasterKeyFacts> look_at_master_key(const std::string& path);

}  // namespace xc::fleet

// Seals texts of one kind for their owners, under keys that come out of the master key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "crypto/aead.h"

namespace xc::secrets {

struct Kind {
  std::string_view purpose;  // its key is derived for this
  std::string_view label;    // its contexts begin with this
};

// What a text belongs to, such as {endpoint, address}. It opens for the same owner only. No part
// but the last may hold a line's end.
using Owner = std::vector<std::string>;

// Thread-safe.
class Sealer {
 public:
  // `masters`: the newest first, at least one. `path`: for what is said. `random` outlives it.
  Sealer(const Kind& kind, const std::vector<crypto::Digest>& masters, std::string path,
         RandomSource& random);

  // Under the newest key. The empty text stays empty. Error: InternalError, of OpenSSL.
  Result<std::string> seal(const Owner& owner, std::string_view text) const;
  // What is not sealed, an older program's, is given back as it is. Nothing: sealed under another
  // key or for another owner, or damaged.
  std::optional<std::string> unseal(const Owner& owner, std::string_view kept) const;
  // Whether there is nothing to seal anew: empty, or sealed under the newest key.
  bool is_current(const Owner& owner, std::string_view kept) const;
  // Where the master key is.
  const std::string& path() const { return path_; }

 private:
  std::string context_of(const Owner& owner) const;
  std::string label_;
  std::vector<crypto::Digest> keys_;
  std::string path_;
  RandomSource* random_;
};

}  // namespace xc::secrets

// The installation's master key, under which all is sealed that lies in the database and must be
// read again. It is in a file (key_file.h), not in the database.
#pragma once

#include <string>

#include "base/id.h"
#include "base/result.h"
#include "secrets/key_file.h"
#include "secrets/sealer.h"

namespace xc::secrets {

// Thread-safe. While one is there no rotation begins. Sealers may outlive it, but what they seal
// then may be under a key that is dropped.
class MasterKey {
 public:
  // The key of the file, which is made when there is none. A file that others may read is used, and
  // the log says so. `random` outlives it and its sealers. Blocking. Error: MasterKeyBad,
  // MasterKeyBusy when a rotation takes too long, FileError.
  static Result<MasterKey> open(const std::string& path, RandomSource& random);
  // The same for who only looks: makes nothing, holds nothing off. Error: MasterKeyBad.
  static Result<MasterKey> look(const std::string& path, RandomSource& random);
  // One that is in no file, for as long as this object.
  explicit MasterKey(RandomSource& random);
  // These; the newest first, at least one.
  MasterKey(std::string path, Keys keys, RandomSource& random, Held held = nullptr);

  Sealer sealer(const Kind& kind) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Keys keys_;
  RandomSource* random_;
  Held held_;
};

}  // namespace xc::secrets

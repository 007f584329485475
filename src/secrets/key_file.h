// The file of the master key, which gateways that share a database share:
//
//   HEX\n    64 hexadecimal digits: the key that seals
//   HEX\n    only while a rotation is not finished: the key before it, which still opens
//
// Whoever uses the key holds a shared lock (flock) on the file, a rotation holds it alone. A file
// is replaced by renaming, so a lock on one that is no longer there counts for nothing. Blocking.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/id.h"
#include "base/result.h"
#include "crypto/aead.h"

namespace xc::secrets {

using Keys = std::vector<crypto::Digest>;  // one or two, the newest first

// Whether the file is there, is a master key, and is closed to others: what `xingcha doctor` says.
struct KeyFileFacts {
  bool exists = false;
  bool open_to_others = false;
  unsigned mode = 0;
  bool rotating = false;  // has a second key
};
// Error: MasterKeyBad, of a file that is there.
Result<KeyFileFacts> look_at_key_file(const std::string& path);

// Makes the file (mode 0600) with a fresh key when there is none; of several processes that make it
// at once one wins. Error: MasterKeyBad, FileError.
Status make_key_file(const std::string& path, RandomSource& random);
// Error: MasterKeyBad.
Result<Keys> read_keys(const std::string& path);
// Replaces it whole or not at all. Only while it is held alone. Error: FileError.
Status write_keys(const std::string& path, const Keys& keys);

enum class Hold : std::uint8_t { Shared, Alone };
using Held = std::shared_ptr<const Descriptor>;  // until the last one is gone

// Shared: waits for a rotation, limits::kMasterKeyWait at most; on a file system without locks
// nothing is held. Alone: does not wait. Error: MasterKeyBusy, MasterKeyBad.
Result<Held> hold_key_file(const std::string& path, Hold how);

}  // namespace xc::secrets

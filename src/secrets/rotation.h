// Another master key for all that is sealed in a database. The file holds the new key and the one
// before it while rows are sealed anew, and only the new one once nothing needs the other:
// whenever the process ends, the file opens every row, and the next rotation goes on.
#pragma once

#include <span>
#include <string>

#include "base/id.h"
#include "base/result.h"
#include "secrets/sealed_column.h"
#include "store/database.h"

namespace xc::secrets {

struct Rotation {
  int sealed = 0;        // rows
  bool resumed = false;  // one that was broken off; the key is the one it had made
};

// `path`: an existing file; no symbolic link, which would be replaced. Gateways on other machines
// must not run. Blocking. Error: MasterKeyBusy while any process on this machine has the key open;
// SecretsUnread when some row does not open, before anything is changed; MasterKeyBad, FileError,
// DatabaseError, after which a rotation may be left to go on with.
Result<Rotation> rotate(const std::string& path, store::Database& database,
                        std::span<const SealedColumn> columns, RandomSource& random);

}  // namespace xc::secrets

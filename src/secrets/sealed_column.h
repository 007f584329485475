// A column of sealed texts in the database, as data: what a start and a rotation have to know of
// it. Blocking; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "secrets/master_key.h"
#include "secrets/sealer.h"
#include "store/database.h"

namespace xc::secrets {

struct SealedColumn {
  Kind kind;
  // Rows of: how people call it, what is kept, and then the parts of its owner. In one order, so
  // that two who seal at once do not wait for each other.
  std::string select;
  std::size_t name_columns = 1;  // joined by "/" they are how people call it
  // Replaces what is kept (:p1) by :p0 where the owner's parts are :p2, :p3 …, and only there.
  std::string update;
  std::string note;    // beside each change, so that others notice; may be empty
  std::string forget;  // what is made anew at need: a rotation drops it so; empty: it is kept
};

// Those that the master key does not open, as people call them. Error: DatabaseError.
Result<std::vector<std::string>> unread_of(store::Database& database, const MasterKey& master,
                                           const SealedColumn& column);

struct Sealing {
  int sealed = 0;
  std::vector<std::string> unread;  // these stay as they are: the right master key may come back
};
// Seals what an older program left in the clear and what is under a key before the newest. A row is
// changed only while it is what was read, so several processes may do it at once. Error:
// DatabaseError.
Result<Sealing> seal_anew(store::Database& database, const MasterKey& master,
                          const SealedColumn& column);

// For one sentence: the first of them, and how many more there are.
std::string names_of(const std::vector<std::string>& unread);

}  // namespace xc::secrets

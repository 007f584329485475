// Opens a SQLite file with the settings this program relies on. Throws what the driver throws;
// Database turns it into an Error.
#pragma once

#include <soci/soci.h>

#include <string>

#include "base/result.h"

namespace xc::store {

// Write-ahead log, FULL synchronisation (a commit survives a power cut: keys are stored here),
// foreign keys, and a wait for other processes instead of "database is locked".
Status open_sqlite(soci::session& session, const std::string& path);

}  // namespace xc::store

// Fetches one URL into a file, resuming what is already there. The only place that uses libcurl.
// TLS is verified; proxies and certificate files come from the environment as libcurl reads it.
// Blocking; thread-safe between different files.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "catalog/file.h"

namespace xc::catalog {

struct Transfer {
  std::string url;
  std::uint64_t bytes = 0;                           // the size the file must have
  std::function<bool(std::uint64_t done)> progress;  // bytes in the file; false cancels
  std::chrono::milliseconds retry_delay{1'000};      // doubled at each retry
  std::chrono::seconds stall_timeout = limits::kTransferStallTimeout;
};

// Appends to `into` from its present length until it has `bytes`. A server that ignores the range
// starts the file anew; a cut connection is taken up again as long as each try brings bytes, and
// limits::kTransferRetriesMax times when it does not. Bytes on disk stay there on failure.
// Errors: UpstreamFailed {text}, DiskFull, FileError, Cancelled.
Status transfer(const Transfer& what, File& into);

}  // namespace xc::catalog

// Reads many leaves of a running log, near each other, in either direction.
#pragma once

#include <cstdint>
#include <optional>

#include "audit/log.h"

namespace xc::audit {

// A segment's files are opened once for all leaves that are asked for one after the other;
// Log::read opens them for every leaf. One thread. The log outlives it. Short-lived: as long as it
// lives, a segment whose contents expire can still be read.
class LogScan {
 public:
  explicit LogScan(const Log& log) : log_(log), size_(log.head().size) {}
  // As Log::read, of leaves that were on disk when the scan began. Blocking (disk). Error:
  // AuditNoLeaf, AuditDamaged, FileError.
  Result<Entry> read(std::uint64_t index, Texts texts = Texts::All);
  std::uint64_t size() const { return size_; }
  int opened() const { return opened_; }  // segments, so far

 private:
  Status turn_to(std::uint64_t index);
  const Log& log_;
  const std::uint64_t size_;
  std::optional<SegmentReader> segment_;
  std::uint64_t end_ = 0;  // the first leaf after segment_
  int opened_ = 0;
};

}  // namespace xc::audit

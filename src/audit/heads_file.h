// Signed heads on disk: `heads` has one a line, about one a second and one at every orderly end;
// `latest` has the newest of all in a place of fixed length. One thread at a time.
#pragma once

#include <optional>
#include <string>

#include "audit/file.h"
#include "audit/head.h"

namespace xc::audit {

inline constexpr std::size_t kLatestBytes = 512;

class HeadsFile {
 public:
  // Cuts a line that a kill left half. Error: FileError; AuditDamaged when a whole last line is
  // not a head of this key.
  static Result<HeadsFile> open(const std::string& folder, const PublicKey& key);
  const std::optional<SignedHead>& last() const { return last_; }  // the newest found at opening
  Status put_latest(const SignedHead& head);
  Status append(const SignedHead& head);  // and syncs

 private:
  File heads_, latest_;
  std::uint64_t end_ = 0;
  std::optional<SignedHead> last_;
};

std::string heads_path(const std::string& folder);
std::optional<SignedHead> latest_of(
    const std::string& folder);  // unchecked; nothing when unreadable

}  // namespace xc::audit

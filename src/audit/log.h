// The tamper-evident log: a Merkle tree (RFC 9162) over salted commitments, on disk, signed.
// How a gateway uses it: admit() before the call, settle() after it, receipt() for the header.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/head.h"
#include "audit/record.h"
#include "audit/segment_reader.h"
#include "audit/tree.h"
#include "base/clock.h"
#include "base/deadline.h"
#include "base/id.h"
#include "base/limits.h"

namespace xc::audit {

struct LogOptions {
  std::string folder;                        // made (mode 0700) when there is none
  Profile profile = Profile::Sha256Ed25519;  // of a new log; an old one keeps its own
  std::string program;                       // name and version, for the start leaf
  std::chrono::milliseconds sync_interval = limits::kAuditSyncInterval;
  std::chrono::milliseconds head_interval = limits::kAuditHeadInterval;
  std::uint64_t segment_leaves = limits::kAuditSegmentLeaves;
  std::uint64_t segment_bytes = limits::kAuditSegmentBytes;
  std::int64_t segment_ms = limits::kAuditSegmentMs;
  std::int64_t retention_ms = limits::kAuditRetentionMs;  // what expire() must leave alone
  // Gets about one head a second, and the last one at close. Called on the log's thread: it must
  // only hand the head on (to a coroutine that posts it to another house), never wait.
  std::function<void(const SignedHead&)> witness = {};
};

// Where a leaf stands. The leaf itself may still be on its way to the disk.
struct Ticket {
  std::uint64_t index = 0;
  Digest leaf{};
};

// A prompt or an answer, salted and hashed already: what takes long with a long one is done before
// anybody's lock is taken.
struct Content {
  Piece piece;
  Digest commitment{};
  std::uint64_t whole_bytes = 0;  // before it was cut; 0: it was not
  bool empty() const { return piece.text.empty(); }
};

// Called once on the log's thread, after the fsync or when the log closed without one. Must not
// block; wake a coroutine with net::Notifier's waker.
using OnCommit = std::function<void(const Status&)>;

// Everything is thread-safe. One process a folder (a lock file; it dies with the process).
// A failed write (a full disk) is tried again every second: leaves queue up meanwhile, and when
// half of the queue is full admit() and notice() fail (AuditUnavailable, 503), so nothing runs
// unrecorded; settlements of what was admitted still find room.
class Log {
 public:
  static constexpr std::size_t kErasedAtOnce = 256;

  // Error: HomeLocked, AuditDamaged (what a signed head covers is not there), FileError,
  // BadAuditKey. `clock` and `random` must outlive the log.
  static Result<std::unique_ptr<Log>> open(LogOptions options, const Clock& clock,
                                           RandomSource& random);
  ~Log();  // close()
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  // Writes what is queued (one try when the disk fails), signs and keeps the head. Appending
  // fails from now on.
  void close();

  // `whole_bytes`: what the text had before it was cut, which the record will say; 0 when it was
  // not cut.
  Content content_of(std::string text, std::uint64_t whole_bytes = 0) const;
  // A few µs, no disk. The content is kept apart and can be erased alone. Contents have a quarter
  // of the queue: those who have theirs kept do not take the room of those who do not.
  // Error: AuditUnavailable; BadLength for a record or content over its limit.
  Result<Ticket> admit(const Admission& admission, Content content = {}, OnCommit on_commit = {});
  // Exactly one for each admission. A gateway that dies leaves an admission without one, which
  // the verifier counts. A content that finds no room is left out, and the record says so.
  Result<Ticket> settle(const Ticket& admission, const Settlement& settlement, Content content = {},
                        OnCommit on_commit = {});
  // `record`: canonical JSON (RecordText) of what an administrator did, or an alarm.
  Result<Ticket> event(std::string record, OnCommit on_commit = {});
  // An event that nobody was admitted for, such as a refusal. Like admit() it leaves the room of
  // settlements alone. Error: AuditUnavailable, BadLength.
  Result<Ticket> notice(std::string record);
  // Blocks until the leaf is on disk. Error: Deadline, AuditUnavailable when the log closed first.
  Status wait(const Ticket& ticket, Deadline deadline) const;

  // The value of X-Xingcha-Receipt: signed when the leaf is below a signed head by now (a call
  // that took longer than the sync interval), else a promise.
  std::string receipt(const Ticket& ticket) const;
  bool made_here(const Receipt& promise) const;

  SignedHead head() const;
  const PublicKey& key() const;
  struct Inclusion {
    SignedHead head;
    Digest leaf{};
    std::vector<Digest> path;
  };
  // Under the newest head. Reads O(log n) hashes. Error: AuditNoLeaf.
  Result<Inclusion> prove(std::uint64_t index) const;
  // first ≤ second ≤ head().size. Error: AuditNoLeaf.
  Result<std::vector<Digest>> prove_consistency(std::uint64_t first, std::uint64_t second) const;
  Result<Digest> root(std::uint64_t size) const;
  // Error: AuditNoLeaf. Blocking (disk), like the ones below.
  Result<Entry> read(std::uint64_t index) const;

  // Destroys the salt and text of a leaf's content, or of its record too; the act itself becomes
  // a leaf first. Survives a kill in between: the next open() finishes. Error: AuditNoLeaf.
  Status erase(std::uint64_t index, Body what, std::string_view by, std::string_view reason);
  // The same of at most kErasedAtOnce leaves, in the time of one.
  Status erase(std::span<const std::uint64_t> leaves, Body what, std::string_view by,
               std::string_view reason);
  // Deletes the content files of segments that ended before `before_unix_ms`; leaves and proofs
  // stay. Returns how many. Error: AuditTooYoung within retention_ms.
  Result<int> expire(std::int64_t before_unix_ms, std::string_view by);

  struct Stats {
    std::uint64_t leaves = 0;     // given out
    std::uint64_t committed = 0;  // on disk and signed
    std::uint64_t syncs = 0;
    std::uint64_t failures = 0;  // of writes
    bool failing = false;        // the last write failed
  };
  Stats stats() const;
  const std::string& folder() const;

 private:
  struct Parts;
  explicit Log(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Where a log of this folder keeps its keys.
std::string private_key_path(const std::string& folder);  // log.key, mode 0600
std::string public_key_path(const std::string& folder);   // log.pub

}  // namespace xc::audit

// The offline verifier: reads a log's folder or an export, changes nothing, needs nothing else but
// the public key. Blocking; memory does not grow with the log (but with what is erased or open).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/head.h"

namespace xc::audit {

enum class FaultKind : std::uint8_t {
  Changed,    // a leaf, its record or its content is not what was signed
  Removed,    // a leaf, its record or its content is missing
  Inserted,   // something is there that was never logged
  Reordered,  // a leaf stands in another's place
  Cut,        // a signed head covers more leaves than there are
  Unsigned,   // leaves after the last signed head: appended by others, or a kill before signing
  BadHead,    // a head that is not signed by the key, or contradicts the leaves
  BadFile,    // a file is not what it should be: header, length, tree
  Unpaired,   // a settlement without its admission, or a second one
};
std::string_view name_of(FaultKind kind);  // "changed" …

struct Fault {
  FaultKind kind = FaultKind::Changed;
  std::uint64_t index = 0;  // the first leaf concerned
  std::uint64_t count = 1;  // of leaves
  std::string detail;       // English, for the reader of a report
};

enum class ReceiptState : std::uint8_t {
  Good,     // the leaf is in the log (and the head is signed and fits, of a signed receipt)
  Forged,   // another log's, or not signed by its key
  Missing,  // the log is too short, or has another leaf there: the log was changed
};

struct Findings {
  Profile profile = Profile::Sha256Ed25519;
  LogId log{};
  std::uint64_t first = 0, end = 0;         // leaves [first, end) were looked at
  Digest root{};                            // of [0, end)
  std::optional<SignedHead> head;           // the newest that fits
  std::uint64_t heads = 0;                  // checked
  std::uint64_t records = 0, contents = 0;  // compared with their commitments
  std::uint64_t erased = 0, gone = 0;       // records that are erased, or expired
  std::uint64_t admissions = 0, settlements = 0;
  std::uint64_t open_admissions = 0;  // without a settlement: running, or lost in a crash
  bool live = false;                  // a program was writing: its newest leaves were left out
  std::vector<Fault> faults;          // at most limits::kAuditFaultsMax
  std::uint64_t fault_count = 0;
  std::vector<ReceiptState> receipts;  // as asked
  std::uint64_t witnessed = 0;         // heads from elsewhere that fit
  bool good() const;
};

struct VerifyOptions {
  std::optional<PublicKey> key;  // without: log.pub of the folder, which proves less
  std::vector<Receipt> receipts = {};
  // Heads that were kept elsewhere. They alone find a log that its owner rewrote, or whose tail was
  // cut together with its own heads.
  std::vector<SignedHead> witnessed = {};
};

// A witness's file: a head a line, in any order. Lines that are no heads (half of one, after a
// crash) are left out; whether the others are signed is for verify(). Error: FileMissing,
// FileError; BadAuditFile beyond limits::kWitnessHeadsMax.
Result<std::vector<SignedHead>> read_witness(const std::string& path);

// A folder, or a file made by export_json_lines. Errors are failures to read (FileMissing,
// FileError, BadAuditFile, BadAuditKey); what is wrong with the log is in the findings.
Result<Findings> verify(const std::string& path, const VerifyOptions& options);

}  // namespace xc::audit

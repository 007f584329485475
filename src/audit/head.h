// What the log says about itself in one line of plain characters: signed tree heads, and the
// receipts that callers get. docs/formats/audit.md has the exact bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/crypto.h"

namespace xc::audit {

// "These were the first `size` leaves." h1.LOG.SIZE.TIME.ROOT.SIGNATURE
struct SignedHead {
  LogId log{};
  std::uint64_t size = 0;
  std::int64_t unix_ms = 0;
  Digest root{};
  std::string signature;
};
// The text that is signed: five lines.
std::string signed_text(const SignedHead& head);
bool verify(const SignedHead& head, const PublicKey& key);  // the log's name and the signature
std::string text_of(const SignedHead& head);
std::optional<SignedHead> head_of(std::string_view text);

// X-Xingcha-Receipt. Two forms:
//   r1.INDEX.LEAF.LOG.SIZE.TIME.ROOT.SIGNATURE  the leaf is on disk, below a signed head
//   p1.INDEX.LEAF.LOG.MAC                       a promise: queued, synced within milliseconds
// LEAF is the leaf's hash. The MAC lets the log recognise its own promises (it alone has the
// secret); to others a promise is checked by looking whether the leaf is in the log.
struct Receipt {
  std::uint64_t index = 0;
  Digest leaf{};
  LogId log{};
  std::optional<SignedHead> head;  // of a signed receipt
  Salt mac{};                      // of a promise
};
std::string text_of(const Receipt& receipt);
std::optional<Receipt> receipt_of(std::string_view text);
Salt promise_mac(Profile profile, const Digest& secret, const Receipt& receipt);

}  // namespace xc::audit

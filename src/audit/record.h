// What a leaf stands for. A leaf commits to a record (who asked what of which model, what came of
// it) and, through the record, to content (prompt or answer) when the tenant's policy keeps it.
// Both commitments are salted: without the salt nobody can test a guess, and when salt and text
// are destroyed the leaf says nothing any more while every proof stays valid.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/crypto.h"

namespace xc::audit {

enum class Kind : std::uint8_t {
  Start = 1,             // a program opened the log
  Admission = 2,         // before the call
  Settlement = 3,        // after the call; partner: the admission
  Event = 4,             // a change by an administrator, a login, an alarm
  ErasureOfContent = 5,  // partner: the leaf whose content went
  ErasureOfRecord = 6,   // partner: the leaf whose record and content went
  Expiry = 7,            // partner: the first leaf of the segment whose records went
};
std::string_view name_of(Kind kind);
std::optional<Kind> kind_of(std::string_view name);

inline constexpr std::uint64_t kNoPartner = ~std::uint64_t{0};
inline constexpr std::size_t kLeafBytes = 57;

struct Leaf {
  Kind kind = Kind::Event;
  std::uint64_t index = 0;
  std::uint64_t partner = kNoPartner;
  std::int64_t unix_ms = 0;
  Digest commitment{};  // H(salt ‖ record)
};
// The 57 bytes that are hashed into the tree: kind, index, partner, time (little-endian),
// commitment.
using LeafBytes = std::array<std::uint8_t, kLeafBytes>;
LeafBytes bytes_of(const Leaf& leaf);
std::optional<Leaf> leaf_of(std::string_view bytes);  // nothing when the kind is unknown

// Empty texts and zeros are left out of the record. Texts must be UTF-8.
struct Admission {
  std::string_view request_id = {}, tenant = {}, workspace = {}, key_id = {}, user = {};
  std::string_view source = {}, method = {}, route = {}, model = {};
  std::string_view target = {};  // what an administrator's call changes: the address
  std::string_view policy = {};  // version of the rules in force
  std::int64_t prompt_tokens = 0;
  std::int64_t reserved_tokens = 0;
};
struct Settlement {
  std::string_view request_id = {}, tenant = {}, workspace = {}, key_id = {};
  std::string_view model = {}, pool = {}, endpoint = {};
  int status = 0;               // HTTP
  std::string_view ended = {};  // done, client_gone, failed …: docs/operating/quota.md
  std::string_view error = {};  // name of the Message
  std::string_view finish = {}, verdicts = {}, label_id = {};
  std::int64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  std::int64_t cost_micro = 0;  // 1e-6 CNY
  std::int64_t took_us = 0;
};

// Canonical JSON: one object, no spaces, members in the order they were added.
class RecordText {
 public:
  // room: a string of before, whose memory is used again.
  explicit RecordText(std::string room = {}) : out_(std::move(room)) {
    out_.reserve(kUsualBytes);
    out_ = '{';
  }
  RecordText& text(std::string_view name, std::string_view value);  // not when empty
  RecordText& number(std::string_view name, std::int64_t value);    // not when zero
  std::string take();

 private:
  static constexpr std::size_t kUsualBytes = 384;
  void name(std::string_view name);
  std::string out_;
};
std::string record_of(const Admission& admission, std::string room = {});
std::string record_of(const Settlement& settlement, std::string room = {});

Digest commitment_of(Profile profile, const Salt& salt, std::string_view text);
// The record with the commitment of its content as last member, "content_hash".
std::string with_content_hash(std::string record, const Digest& commitment);
std::optional<Digest> content_hash_of(std::string_view record);
// The record, which says in "content_cut_from" how many bytes its content had before it was cut,
// or left out. 0: neither.
std::string with_content_cut(std::string record, std::uint64_t whole_bytes);
std::uint64_t content_cut_in(std::string_view record);  // 0: it does not say so
// The value of a text member of a record; empty when it has none of this name.
std::string text_in(std::string_view record, std::string_view name);

}  // namespace xc::audit

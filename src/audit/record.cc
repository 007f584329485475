#include "audit/record.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/text_codes.h"

namespace xc::audit {
namespace {

struct KindName {
  Kind kind;
  std::string_view name;
};
constexpr KindName kKinds[] = {
    {Kind::Start, "start"},
    {Kind::Admission, "admission"},
    {Kind::Settlement, "settlement"},
    {Kind::Event, "event"},
    {Kind::ErasureOfContent, "erasure_of_content"},
    {Kind::ErasureOfRecord, "erasure_of_record"},
    {Kind::Expiry, "expiry"},
};
constexpr std::string_view kContentHash = "\"content_hash\":\"";
constexpr std::string_view kContentCut = "\"content_cut_from\":";

void put_u64(LeafBytes& out, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) out[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint64_t u64_at(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return value;
}

// What follows `key`, a name with its quotes and colon. Inside a text every quote has a backslash
// before it, so that what is found here is a member.
std::optional<std::string_view> member(std::string_view record, std::string_view key) {
  for (std::size_t at = record.find(key); at != std::string_view::npos;
       at = record.find(key, at + 1)) {
    const char before = at == 0 ? '\0' : record[at - 1];
    if (before == '{' || before == ',') return record.substr(at + key.size());
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Kind kind) {
  for (const KindName& row : kKinds) {
    if (row.kind == kind) return row.name;
  }
  return "unknown";
}

std::optional<Kind> kind_of(std::string_view name) {
  for (const KindName& row : kKinds) {
    if (row.name == name) return row.kind;
  }
  return std::nullopt;
}

LeafBytes bytes_of(const Leaf& leaf) {
  LeafBytes bytes;
  bytes[0] = static_cast<std::uint8_t>(leaf.kind);
  put_u64(bytes, 1, leaf.index);
  put_u64(bytes, 9, leaf.partner);
  put_u64(bytes, 17, static_cast<std::uint64_t>(leaf.unix_ms));
  std::ranges::copy(leaf.commitment, bytes.begin() + 25);
  return bytes;
}

std::optional<Leaf> leaf_of(std::string_view bytes) {
  if (bytes.size() != kLeafBytes) return std::nullopt;
  const auto kind = static_cast<Kind>(bytes[0]);
  if (name_of(kind) == "unknown") return std::nullopt;
  return Leaf{kind, u64_at(bytes, 1), u64_at(bytes, 9),
              static_cast<std::int64_t>(u64_at(bytes, 17)),
              *array_of<32>(std::string(bytes.substr(25)))};
}

// Names are plain words of ours: nothing to escape.
void RecordText::name(std::string_view name) {
  out_ += out_.size() > 1 ? ",\"" : "\"";
  out_ += name;
  out_ += "\":";
}

RecordText& RecordText::text(std::string_view key, std::string_view value) {
  if (value.empty()) return *this;
  name(key);
  append_json_text(out_, value);
  return *this;
}

RecordText& RecordText::number(std::string_view key, std::int64_t value) {
  if (value == 0) return *this;
  name(key);
  const fmt::format_int digits(value);
  out_.append(digits.data(), digits.size());
  return *this;
}

std::string RecordText::take() {
  out_ += '}';
  return std::move(out_);
}

std::string record_of(const Admission& a, std::string room) {
  return RecordText(std::move(room))
      .text("request", a.request_id)
      .text("tenant", a.tenant)
      .text("workspace", a.workspace)
      .text("key", a.key_id)
      .text("user", a.user)
      .text("source", a.source)
      .text("method", a.method)
      .text("route", a.route)
      .text("model", a.model)
      .text("target", a.target)
      .text("policy", a.policy)
      .number("prompt_tokens", a.prompt_tokens)
      .number("reserved_tokens", a.reserved_tokens)
      .take();
}

std::string record_of(const Settlement& s, std::string room) {
  return RecordText(std::move(room))
      .text("request", s.request_id)
      .text("tenant", s.tenant)
      .text("workspace", s.workspace)
      .text("key", s.key_id)
      .text("model", s.model)
      .text("pool", s.pool)
      .text("endpoint", s.endpoint)
      .number("status", s.status)
      .text("ended", s.ended)
      .text("error", s.error)
      .text("finish", s.finish)
      .text("verdicts", s.verdicts)
      .text("label", s.label_id)
      .number("prompt_tokens", s.prompt_tokens)
      .number("cached_tokens", s.cached_tokens)
      .number("completion_tokens", s.completion_tokens)
      .number("cost_micro", s.cost_micro)
      .number("took_us", s.took_us)
      .take();
}

Digest commitment_of(Profile profile, const Salt& salt, std::string_view text) {
  return digest_of(profile, {view_of(salt), text});
}

std::string with_content_hash(std::string record, const Digest& commitment) {
  record.pop_back();
  if (record.size() > 1) record += ',';
  record += kContentHash;
  record += hex_of(view_of(commitment));
  record += "\"}";
  return record;
}

std::string with_content_cut(std::string record, std::uint64_t whole_bytes) {
  if (whole_bytes == 0) return record;
  record.pop_back();
  if (record.size() > 1) record += ',';
  record += kContentCut;
  const fmt::format_int digits(whole_bytes);
  record.append(digits.data(), digits.size()) += '}';
  return record;
}

std::uint64_t content_cut_in(std::string_view record) {
  const auto value = member(record, kContentCut);
  return value ? TextCursor(*value).number() : 0;
}

std::string text_in(std::string_view record, std::string_view name) {
  const auto value = member(record, fmt::format("\"{}\":", name));
  return value ? TextCursor(*value).json_text() : std::string();
}

std::optional<Digest> content_hash_of(std::string_view record) {
  constexpr std::size_t kTail = kContentHash.size() + 64 + 2;
  if (record.size() <= kTail || !record.ends_with("\"}")) return std::nullopt;
  TextCursor tail(record.substr(record.size() - kTail));
  if (!tail.literal(kContentHash)) return std::nullopt;
  return array_of<32>(bytes_of_hex(tail.until('"')));
}

}  // namespace xc::audit

#include "audit/head.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/text_codes.h"
#include "base/limits.h"

namespace xc::audit {
namespace {

std::string tail_of(const SignedHead& head) {
  return fmt::format("{}.{}.{}.{}.{}", base64_of(view_of(head.log)), head.size, head.unix_ms,
                     base64_of(view_of(head.root)), base64_of(head.signature));
}

// LOG.SIZE.TIME.ROOT.SIGNATURE up to the end.
std::optional<SignedHead> head_from(TextCursor& text) {
  const auto log = array_of<16>(bytes_of_base64(text.until('.')));
  const auto size = number_of(text.until('.'));
  const auto time = number_of(text.until('.'));
  const auto root = array_of<32>(bytes_of_base64(text.until('.')));
  auto signature = bytes_of_base64(text.rest());
  constexpr std::uint64_t kTimeMax = INT64_MAX;
  if (!text.ok() || !log || !size || !time || *time > kTimeMax || !root || !signature ||
      signature->empty()) {
    return std::nullopt;
  }
  return SignedHead{*log, *size, static_cast<std::int64_t>(*time), *root, std::move(*signature)};
}

}  // namespace

std::string signed_text(const SignedHead& head) {
  return fmt::format("xingcha audit head v1\n{}\n{}\n{}\n{}\n", hex_of(view_of(head.log)),
                     head.size, head.unix_ms, hex_of(view_of(head.root)));
}

bool verify(const SignedHead& head, const PublicKey& key) {
  return head.log == key.log_id() && key.verify(signed_text(head), head.signature);
}

std::string text_of(const SignedHead& head) { return "h1." + tail_of(head); }

std::optional<SignedHead> head_of(std::string_view text) {
  if (text.size() > limits::kAuditLineBytesMax) return std::nullopt;
  TextCursor cursor(text);
  cursor.literal("h1.");
  return head_from(cursor);
}

std::string text_of(const Receipt& receipt) {
  if (receipt.head) {
    return fmt::format("r1.{}.{}.{}", receipt.index, base64_of(view_of(receipt.leaf)),
                       tail_of(*receipt.head));
  }
  const fmt::format_int index(receipt.index);  // fmt::format is ten times this, for every request
  std::string out = "p1.";
  out.reserve(128);
  out.append(index.data(), index.size()) += '.';
  append_base64(out, view_of(receipt.leaf));
  out += '.';
  append_base64(out, view_of(receipt.log));
  out += '.';
  append_base64(out, view_of(receipt.mac));
  return out;
}

std::optional<Receipt> receipt_of(std::string_view text) {
  if (text.size() > limits::kAuditLineBytesMax) return std::nullopt;
  TextCursor cursor(text);
  const bool promise = cursor.skip("p1.");
  if (!promise) cursor.literal("r1.");
  const auto index = number_of(cursor.until('.'));
  const auto leaf = array_of<32>(bytes_of_base64(cursor.until('.')));
  if (!cursor.ok() || !index || !leaf) return std::nullopt;
  Receipt receipt{*index, *leaf, {}, std::nullopt, {}};
  if (promise) {
    const auto log = array_of<16>(bytes_of_base64(cursor.until('.')));
    const auto mac = array_of<16>(bytes_of_base64(cursor.rest()));
    if (!cursor.ok() || !log || !mac) return std::nullopt;
    receipt.log = *log;
    receipt.mac = *mac;
    return receipt;
  }
  receipt.head = head_from(cursor);
  // A head that ends before the leaf says nothing about it.
  if (!receipt.head || receipt.head->size <= receipt.index) return std::nullopt;
  receipt.log = receipt.head->log;
  return receipt;
}

Salt promise_mac(Profile profile, const Digest& secret, const Receipt& receipt) {
  // Every part has a fixed length and half of the hash is dropped, so a keyed prefix is a sound
  // MAC.
  std::string index(8, '\0');
  for (int i = 0; i < 8; ++i) index[i] = static_cast<char>(receipt.index >> (8 * i));
  const Digest digest =
      digest_of(profile, {view_of(secret), view_of(receipt.log), index, view_of(receipt.leaf)});
  Salt mac{};
  std::copy_n(digest.begin(), mac.size(), mac.begin());
  return mac;
}

}  // namespace xc::audit

#include "crypto/sealed_text.h"

#include <algorithm>
#include <span>
#include <vector>

#include "crypto/hex.h"

namespace xc::crypto {
namespace {

constexpr std::string_view kMark = "sealed:1:";

}  // namespace

bool is_sealed(std::string_view text) { return text.starts_with(kMark); }

std::optional<std::string> seal_text(const Digest& key, const GcmNonce& nonce,
                                     std::string_view context, std::string_view text) {
  std::vector<std::uint8_t> bytes(nonce.begin(), nonce.end());
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.resize(bytes.size() + kGcmTagBytes);
  const std::span<std::byte> all = std::as_writable_bytes(std::span(bytes));
  const std::span<std::byte> body = all.subspan(kGcmNonceBytes, text.size());
  if (!seal_gcm(key, nonce, bytes_of(context), body, all.last<kGcmTagBytes>())) return std::nullopt;
  return std::string(kMark) + hex_of(bytes);
}

std::optional<std::string> unseal_text(const Digest& key, std::string_view context,
                                       std::string_view sealed) {
  if (!is_sealed(sealed)) return std::nullopt;
  std::optional<std::vector<std::uint8_t>> bytes = bytes_of_hex(sealed.substr(kMark.size()));
  if (!bytes || bytes->size() < kGcmNonceBytes + kGcmTagBytes) return std::nullopt;
  GcmNonce nonce;
  std::copy_n(bytes->begin(), nonce.size(), nonce.begin());
  const std::span<std::byte> all = std::as_writable_bytes(std::span(*bytes));
  const std::span<std::byte> body =
      all.subspan(kGcmNonceBytes, all.size() - kGcmNonceBytes - kGcmTagBytes);
  if (!unseal_gcm(key, nonce, bytes_of(context), body, all.last<kGcmTagBytes>())) {
    return std::nullopt;
  }
  return std::string(reinterpret_cast<const char*>(body.data()), body.size());
}

}  // namespace xc::crypto

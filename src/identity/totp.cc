#include "identity/totp.h"

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/assert.h"
#include "identity/encodings.h"

namespace xc::identity {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::int64_t kStepMs = 30'000;
constexpr std::int64_t kStepsBeside = 1;

}  // namespace

std::string make_totp_secret(RandomSource& random) {
  std::string bytes;
  while (bytes.size() < 20) {  // as long as the hash, RFC 4226 §4
    const std::uint64_t word = random.next();
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(word >> (8 * i) & 0xff);
  }
  return base32_of(bytes);
}

std::string base32_of(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    held += 8;
    for (; held >= 5; held -= 5) out += kAlphabet[bits >> (held - 5) & 31];
    bits &= (1u << held) - 1;
  }
  if (held > 0) out += kAlphabet[bits << (5 - held) & 31];
  return out;
}

std::optional<std::string> bytes_of_base32(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 5 | static_cast<std::uint32_t>(value);
    held += 5;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
    bits &= (1u << held) - 1;
  }
  return out;
}

std::string totp_code(std::string_view key, std::int64_t step, int digits) {
  std::array<unsigned char, 8> counter{};
  for (std::size_t i = 0; i < counter.size(); ++i) {
    counter[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(step) >> (56 - 8 * i));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int length = 0;
  XC_ASSERT(HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), counter.data(),
                 counter.size(), mac.data(), &length) != nullptr);
  const std::size_t at = mac[length - 1] & 15;  // RFC 4226 §5.3: dynamic truncation
  const std::uint32_t number = static_cast<std::uint32_t>(mac[at] & 0x7f) << 24 |
                               static_cast<std::uint32_t>(mac[at + 1]) << 16 |
                               static_cast<std::uint32_t>(mac[at + 2]) << 8 | mac[at + 3];
  std::uint32_t modulus = 1;
  for (int i = 0; i < digits; ++i) modulus *= 10;
  return fmt::format("{:0{}}", number % modulus, digits);
}

std::optional<std::int64_t> totp_step(std::string_view secret_base32, std::string_view code,
                                      std::int64_t now_unix_ms, std::int64_t last_step) {
  const std::optional<std::string> key = bytes_of_base32(secret_base32);
  if (!key || key->empty()) return std::nullopt;
  const std::int64_t now = now_unix_ms / kStepMs;
  std::optional<std::int64_t> found;
  for (std::int64_t step = now - kStepsBeside; step <= now + kStepsBeside; ++step) {
    const std::string right = totp_code(*key, step);
    const bool fits =
        right.size() == code.size() && CRYPTO_memcmp(right.data(), code.data(), right.size()) == 0;
    if (fits && step > last_step && !found) found = step;
  }
  return found;
}

std::string totp_uri(std::string_view secret_base32, std::string_view account) {
  return fmt::format("otpauth://totp/Xingcha:{}?secret={}&issuer=Xingcha", percent_encoded(account),
                     secret_base32);
}

}  // namespace xc::identity

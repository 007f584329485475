// One-time codes by time, RFC 6238 with HMAC-SHA-1, 30 s and 6 digits: what every authenticator
// app takes. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"

namespace xc::identity {

// 20 random bytes as base32.
std::string make_totp_secret(RandomSource& random);
// RFC 4648, upper case, without padding.
std::string base32_of(std::string_view bytes);
std::optional<std::string> bytes_of_base32(std::string_view text);

// The code of one step (Unix seconds / 30). `key` is raw bytes.
std::string totp_code(std::string_view key, std::int64_t step, int digits = 6);
// The step that the code belongs to: the present one or one beside it (clocks differ), and later
// than `last_step`, so that a code that was seen once is worth nothing. Nothing when wrong.
std::optional<std::int64_t> totp_step(std::string_view secret_base32, std::string_view code,
                                      std::int64_t now_unix_ms, std::int64_t last_step);
// otpauth://totp/… for a QR code.
std::string totp_uri(std::string_view secret_base32, std::string_view account);

}  // namespace xc::identity

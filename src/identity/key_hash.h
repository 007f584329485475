// SHA-256 of an API key, as bytes for look-up and as hex for the database.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xc::identity {

using KeyHash = std::array<std::uint8_t, 32>;

KeyHash hash_of(std::string_view key);
std::string hex_of(const KeyHash& hash);
// Nothing unless it is 64 lower-case hex digits.
std::optional<KeyHash> hash_of_hex(std::string_view hex);
// Takes the same time wherever the two differ.
bool same(const KeyHash& a, const KeyHash& b);

}  // namespace xc::identity

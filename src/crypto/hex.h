// Bytes as lower-case hexadecimal digits. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/aead.h"

namespace xc::crypto {

std::string hex_of(std::span<const std::uint8_t> bytes);
// nullopt unless these are pairs of lower-case digits.
std::optional<std::vector<std::uint8_t>> bytes_of_hex(std::string_view hex);
// nullopt unless these are 64 of them.
std::optional<Digest> digest_of_hex(std::string_view hex);

}  // namespace xc::crypto

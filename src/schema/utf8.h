// UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF.
// Pure; thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace xc::schema {

// Where the first byte stands that is not part of a valid character; nothing when all are.
// A cut last character counts as invalid at its first byte.
std::optional<std::size_t> first_bad_byte(std::string_view text);

// Length of the character that starts at `text[at]`; 0 when none does.
std::size_t character_length(std::string_view text, std::size_t at);

// How many bytes at the end may be the beginning of a character that is not whole yet (0 – 3).
// Hold them back and send the rest.
std::size_t incomplete_suffix(std::string_view text);

}  // namespace xc::schema

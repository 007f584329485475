// Bytes as text: in JSON Web Tokens, in addresses, in headers. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace xc::identity {

// base64url without padding (RFC 4648 §5), as JSON Web Tokens and PKCE have it.
std::string base64url_of(std::string_view bytes);
// Nothing for other letters, padding, or bits left over that are not zero: one text for each value.
std::optional<std::string> bytes_of_base64url(std::string_view text);
// The usual alphabet with padding (RFC 4648 §4), for HTTP Basic.
std::string base64_of(std::string_view bytes);
// Everything but RFC 3986's unreserved characters as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace xc::identity

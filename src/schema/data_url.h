// base64 (RFC 4648 §4) and images in data: URLs (RFC 2397). Pure; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "schema/chat.h"

namespace xc::schema {

std::string base64_of(std::string_view bytes);
// Nothing when the text is not base64. Padding may be missing; white space is not allowed.
std::optional<std::string> bytes_of_base64(std::string_view text);

// "data:image/png;base64,…" of the `number`th image (from 1) of a request, at `param`.
// Errors: RemoteImage for any other scheme, BadValue for another media type than png, jpeg, webp,
// gif, bmp, BadImage when it is not base64, empty, or over limits::kImageBytesMax. The bytes are
// not decoded as a picture here: that is the engine's part.
Result<Image> read_data_url(std::string_view url, std::size_t number, const std::string& param);
// The same checks for a media type and base64 text that arrive apart (Anthropic).
Result<Image> read_base64_image(std::string_view media_type, std::string_view base64,
                                std::size_t number, const std::string& param);
std::string data_url_of(const Image& image);
// "image/png" … of a picture in base64, by its first bytes; empty when it does not begin like one.
std::string_view picture_type_of(std::string_view base64);

}  // namespace xc::schema

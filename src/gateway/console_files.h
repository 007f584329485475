// The console's files over HTTP.
#pragma once

#include <string_view>

#include "console/assets.h"
#include "gateway/call.h"

namespace xc::gateway {

// With validators, caching and the security headers; compressed when the client takes gzip.
Task<Status> serve_console_file(Call& call, const console::Asset& file);

// Whether an Accept-Encoding value takes gzip (RFC 9110 §12.5.3).
bool accepts_gzip(std::string_view accept_encoding);
// Whether an If-None-Match value names the tag.
bool names_tag(std::string_view if_none_match, std::string_view etag);

}  // namespace xc::gateway

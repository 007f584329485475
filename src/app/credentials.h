// credentials.toml: where the server is and the key for it. Mode 0600; replaced whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/home.h"
#include "base/error.h"
#include "base/result.h"

namespace xc::app {

struct Credentials {
  std::string url;  // "http://127.0.0.1:8660", no trailing slash; or "unix:/path"
  std::string key;  // may be empty when only the address is known
};

// Error: FileMissing, FileError, BadConfig with line.
Result<Credentials> read_credentials(const std::string& path);
Result<Credentials> parse_credentials(std::string_view toml, const std::string& file_name);
// Error: FileError.
Status write_credentials(const std::string& path, const Credentials& credentials);

// What commands use: XINGCHA_URL and XINGCHA_KEY, else the file, else the default address and no
// key. A file that cannot be read is an error.
Result<Credentials> credentials_of(const Home& home);

// The URL by which this machine reaches a server that listens on `address` ("0.0.0.0" → loopback).
std::string url_of_address(std::string_view address, bool tls);
// True when the URL names this machine.
bool is_local_url(std::string_view url);

}  // namespace xc::app

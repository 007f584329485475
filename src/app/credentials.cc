#include "app/credentials.h"

#include <fmt/format.h>

#include <toml++/toml.h>

#include "app/settings.h"
#include "net/address.h"
#include "net/client.h"
#include "store/atomic_file.h"

namespace xc::app {
namespace {
constexpr std::size_t kFileBytesMax = 64 * 1024;  // two short lines
constexpr std::string_view kUsualUrl = "http://127.0.0.1:8660";
}  // namespace

Result<Credentials> parse_credentials(std::string_view text, const std::string& file_name) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& e) {
    return fail(Code::InvalidRequest, Message::BadConfig,
                {file_name, std::to_string(e.source().begin.line), std::string(e.description())});
  }
  Credentials credentials;
  credentials.url = table["url"].value_or(std::string(kUsualUrl));
  credentials.key = table["key"].value_or(std::string());
  while (credentials.url.ends_with('/')) credentials.url.pop_back();
  return credentials;
}

Result<Credentials> read_credentials(const std::string& path) {
  XC_TRY(const std::string text, store::read_bounded(path, kFileBytesMax));
  return parse_credentials(text, path);
}

Status write_credentials(const std::string& path, const Credentials& credentials) {
  const std::string text = fmt::format("url = {}\nkey = {}\n", toml_quoted(credentials.url),
                                       toml_quoted(credentials.key));
  return store::write_atomically(path, text, 0600);
}

Result<Credentials> credentials_of(const Home& home) {
  Credentials credentials{std::string(kUsualUrl), {}};
  Result<Credentials> read = read_credentials(home.credentials());
  if (read) {
    credentials = std::move(*read);
  } else if (read.error().message != Message::FileMissing) {
    return read;
  }
  if (const auto url = variable("XINGCHA_URL")) credentials.url = *url;
  if (const auto key = variable("XINGCHA_KEY")) credentials.key = *key;
  while (credentials.url.ends_with('/')) credentials.url.pop_back();
  return credentials;
}

std::string url_of_address(std::string_view address, bool tls) {
  Result<net::Address> parsed = net::Address::parse(address);
  if (!parsed) return std::string(address);
  if (!parsed->unix_path.empty()) return "unix:" + parsed->unix_path;
  std::string host = parsed->host;
  if (host == "0.0.0.0" || host == "*") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", tls ? "https" : "http", host, parsed->port);
}

bool is_local_url(std::string_view url) {
  const Result<net::Origin> origin = net::Origin::parse(url);
  if (!origin) return false;
  if (!origin->unix_path.empty()) return true;
  net::Address address;
  address.host = origin->host;
  return address.is_loopback();
}

}  // namespace xc::app

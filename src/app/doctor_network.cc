#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <cstring>

#include "app/api_client.h"
#include "app/doctor.h"
#include "net/address.h"

namespace xc::app {
namespace {

// Empty when the address can be bound now, else what the system says.
std::string bind_problem(const net::Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int failed = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
  if (failed != 0) return ::gai_strerror(failed);
  std::string problem;
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || ::bind(fd, found->ai_addr, found->ai_addrlen) != 0) problem = std::strerror(errno);
  if (fd >= 0) ::close(fd);
  ::freeaddrinfo(found);
  return problem;
}

std::string version_of(const ApiClient& api) {
  const Result<ApiReply> reply = api.send("GET", "/version", {}, std::chrono::seconds(5));
  if (!reply || reply->status != 200) return "?";
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(reply->body, failed);
  if (failed || !value.is_object()) return "?";
  const boost::json::value* version = value.get_object().if_contains("version");
  return version != nullptr && version->is_string() ? std::string(version->get_string()) : "?";
}

// "http://user:secret@host" without what stands before the '@'.
std::string without_secret(const std::string& url) {
  const std::size_t at = url.rfind('@');
  const std::size_t scheme = url.find("://");
  if (at == std::string::npos) return url;
  return (scheme == std::string::npos ? "" : url.substr(0, scheme + 3)) + "…" + url.substr(at);
}

}  // namespace

void check_server(const Surroundings& here, const Config& config, Checks& checks) {
  const Language language = here.language;
  const std::string title(texts::CheckServer.in(language));
  Result<Credentials> credentials = credentials_of(here.home);
  if (!credentials) {
    checks.push_back({"server", title, Verdict::Bad, text_of(credentials.error(), language)});
    return;
  }
  const std::string url = credentials->url;
  const ApiClient api(std::move(*credentials), language);
  const Result<ApiReply> reply = api.send("GET", "/readyz", {}, std::chrono::seconds(5));
  if (reply && reply->status == 200) {
    checks.push_back(
        {"server", title, Verdict::Fine, say<texts::ServerFine>(language, url, version_of(api))});
  } else if (reply) {
    checks.push_back(
        {"server", title, Verdict::Warn, say<texts::ServerNotReady>(language, url, reply->status)});
  } else {
    checks.push_back({"server", title, Verdict::Fine, say<texts::ServerDown>(language, url)});
  }
  const Result<net::Address> address = net::Address::parse(config.listen);
  if (!address || !address->unix_path.empty()) return;
  const std::string problem = bind_problem(*address);
  const bool ours = reply && url_of_address(config.listen, !config.tls_key.empty()) == url;
  checks.push_back({"address", std::string(texts::CheckAddress.in(language)),
                    problem.empty() || ours ? Verdict::Fine : Verdict::Bad,
                    problem.empty() ? say<texts::AddressFree>(language, config.listen)
                    : ours          ? say<texts::AddressOurs>(language, config.listen)
                                    : say<texts::AddressTaken>(language, config.listen, problem)});
}

void check_proxies(const Surroundings& here, Checks& checks) {
  std::string found;
  for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                           "no_proxy", "NO_PROXY", "HF_ENDPOINT", "MODELSCOPE_DOMAIN"}) {
    const std::optional<std::string> value = variable(name);
    if (!value) continue;
    found += (found.empty() ? "" : "  ") + std::string(name) + "=" + without_secret(*value);
  }
  checks.push_back({"proxies", std::string(texts::CheckProxy.in(here.language)), Verdict::Fine,
                    found.empty() ? std::string(texts::ProxyNone.in(here.language)) : found});
}

}  // namespace xc::app

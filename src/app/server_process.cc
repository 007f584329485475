#include "app/server_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "app/terminal.h"
#include "base/limits.h"

namespace xc::app {
namespace {

constexpr std::chrono::seconds kStartTimeout{20};  // 0.3 s usually; a slow disk, a busy machine
constexpr std::chrono::milliseconds kPollEvery{50};
constexpr off_t kLogTailBytes = 1500;
constexpr off_t kLogBytesMax = 4 << 20;  // then it starts over

std::string tail_of(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const off_t size = ::lseek(fd, 0, SEEK_END);
  ::lseek(fd, std::max<off_t>(0, size - kLogTailBytes), SEEK_SET);
  std::string text(static_cast<std::size_t>(kLogTailBytes), '\0');
  const ssize_t n = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

int open_log(const std::string& path) {
  struct stat facts{};
  const bool large = ::stat(path.c_str(), &facts) == 0 && facts.st_size > kLogBytesMax;
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (large ? O_TRUNC : 0);
  return ::open(path.c_str(), flags, 0600);
}

// In the child, between fork and exec: only calls that are safe there. Its standard output goes
// nowhere, because a first start says the key there and logs must not hold it.
[[noreturn]] void become_server(const char* program, const char* root, int log) {
  ::setsid();
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execl(program, "xingcha", "serve", "--home", root, static_cast<char*>(nullptr));
  ::_exit(kExitFailed);
}

Result<ApiClient> wait_until_ready(const Surroundings& here, pid_t child) {
  const auto give_up = std::chrono::steady_clock::now() + kStartTimeout;
  const InterruptFlag interrupt;
  while (std::chrono::steady_clock::now() < give_up) {
    if (InterruptFlag::raised()) return fail(Code::Cancelled, Message::ClientGone);
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) break;
    Result<Credentials> credentials = credentials_of(here.home);
    if (credentials && !credentials->key.empty()) {
      ApiClient api(std::move(*credentials), here.language);
      if (api.ready()) return api;
    }
    std::this_thread::sleep_for(kPollEvery);
  }
  return fail(Code::Unavailable, Message::ServerSaid,
              {say<texts::ServerDied>(here.language, tail_of(here.home.serve_log()))});
}

Result<ApiClient> start_server(const Surroundings& here) {
  XC_CHECK(make_folders(here.home));
  const std::string path = here.home.serve_log();
  fmt::print(stderr, "{}\n", say<texts::StartingServer>(here.language, path));
  const int log = open_log(path);
  if (log < 0) return fail(Code::Internal, Message::FileError, {path, std::strerror(errno)});
  const pid_t child = ::fork();
  if (child == 0) become_server(here.program.c_str(), here.home.root.c_str(), log);
  ::close(log);
  if (child < 0) {
    return fail(Code::Internal, Message::FileError, {here.program, std::strerror(errno)});
  }
  XC_TRY(ApiClient api, wait_until_ready(here, child));
  fmt::print(stderr, "{}\n", say<texts::ServerReady>(here.language, api.credentials().url));
  return api;
}

}  // namespace

Result<ApiClient> reach_server(const Surroundings& here) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const bool ours = is_local_url(credentials.url) && !variable("XINGCHA_URL");
  ApiClient api(std::move(credentials), here.language);
  Result<ApiReply> reply = api.send("GET", "/readyz", {}, std::chrono::seconds(5));
  if (reply) return api;
  if (!ours || reply.error().message != Message::CannotConnect) {
    return std::unexpected(std::move(reply.error()));
  }
  return start_server(here);
}

}  // namespace xc::app

#include "app/home.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace xc::app {
namespace {

constexpr std::size_t kSocketFolderMax = 70;  // leaves room for a model's name in 107 bytes

std::unexpected<Error> file_error(const std::string& path) {
  return fail(Code::Internal, Message::FileError, {path, std::strerror(errno)});
}

// FNV-1a: only has to tell homes of one user apart.
std::uint64_t digest_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

std::string Home::sockets() const {
  std::string usual = data() + "/sockets";
  if (usual.size() <= kSocketFolderMax) return usual;
  return fmt::format("/tmp/xingcha-{}-{:016x}", ::getuid(), digest_of(root));
}

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

Home home_of(const std::string& chosen) {
  std::string root = chosen;
  if (root.empty()) root = variable("XINGCHA_HOME").value_or("");
  if (root.empty()) root = variable("HOME").value_or("/root") + "/.xingcha";
  std::error_code ignored;
  std::filesystem::path path = std::filesystem::absolute(root, ignored).lexically_normal();
  std::string text = path.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return Home{text};
}

Status make_folders(const Home& home) {
  for (const std::string& folder :
       {home.root, home.models(), home.data(), home.logs(), home.chunks(), home.sockets()}) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return file_error(folder);
  }
  // The folder under /tmp is anybody's to make first: it must be ours and closed to others.
  struct stat facts{};
  const std::string sockets = home.sockets();
  if (::lstat(sockets.c_str(), &facts) != 0) return file_error(sockets);
  if (!S_ISDIR(facts.st_mode) || facts.st_uid != ::geteuid() || (facts.st_mode & 077) != 0) {
    errno = EACCES;
    return file_error(sockets);
  }
  return {};
}

}  // namespace xc::app

#include "store/atomic_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/descriptor.h"

namespace xc::store {
namespace {

std::unexpected<Error> file_error(const std::string& path, std::string what) {
  return fail(Code::Internal, Message::FileError, {path, std::move(what)});
}
std::unexpected<Error> file_error(const std::string& path) {
  return file_error(path, std::strerror(errno));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status write_and_rename(const std::string& path, const std::string& aside, std::string_view text,
                        mode_t mode) {
  const Descriptor file(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.fd < 0) return file_error(path);
  // fchmod, because the mode given to open is cut by the umask.
  const bool written =
      ::fchmod(file.fd, mode) == 0 && write_all(file.fd, text) && ::fsync(file.fd) == 0;
  if (!written || std::rename(aside.c_str(), path.c_str()) != 0) {
    const auto failure = file_error(path);
    ::unlink(aside.c_str());
    return failure;
  }
  return {};
}

}  // namespace

Status write_atomically(const std::string& path, std::string_view text, mode_t mode) {
  static std::atomic<unsigned> serial{0};  // two threads may write one file
  const std::string aside = fmt::format("{}.tmp-{}-{}", path, ::getpid(), serial++);
  ::unlink(aside.c_str());  // left by a killed process that had our id
  XC_CHECK(write_and_rename(path, aside, text, mode));
  return sync_folder_of(path);  // else the rename itself may be lost in a power cut
}

Status sync_folder_of(const std::string& path) {
  const Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd < 0 || ::fsync(folder.fd) != 0) return file_error(path);
  return {};
}

Result<std::string> read_bounded(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0 && errno == ENOENT) return fail(Code::NotFound, Message::FileMissing, {path});
  if (file.fd < 0) return file_error(path);
  std::string text;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t n = ::read(file.fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error(path);
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > bytes_max) {
      return file_error(path, fmt::format("larger than {} bytes", bytes_max));
    }
  }
}

}  // namespace xc::store

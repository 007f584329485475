#include "store/home_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace xc::store {
namespace {

std::unexpected<Error> file_error(const std::string& path) {
  return fail(Code::Internal, Message::FileError, {path, std::strerror(errno)});
}

// The holder's process id as it wrote it; "?" when it has not yet.
std::string holder_of(int fd) {
  std::array<char, 16> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string digits;
  for (ssize_t i = 0; i < got && text[i] >= '0' && text[i] <= '9'; ++i) digits += text[i];
  return digits.empty() ? "?" : digits;
}

}  // namespace

Result<HomeLock> HomeLock::take(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return file_error(path);
  HomeLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return file_error(path);
    return fail(Code::Conflict, Message::HomeLocked, {path, holder_of(fd)});
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) {
    return file_error(path);
  }
  return lock;
}

HomeLock::HomeLock(HomeLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
HomeLock& HomeLock::operator=(HomeLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
// The file stays: removing it would let two processes lock two files of one name.
HomeLock::~HomeLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace xc::store

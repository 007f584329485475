#include "audit/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace xc::audit {

std::unexpected<Error> File::failure() const {
  return fail(Code::Internal, Message::FileError, {path_, std::strerror(errno)});
}

Result<File> File::open(const std::string& path, int flags) {
  File file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (file.fd_ < 0 && errno == ENOENT) return fail(Code::NotFound, Message::FileMissing, {path});
  if (file.fd_ < 0) return file.failure();
  return file;
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::uint64_t> File::size() const {
  struct stat facts{};
  if (::fstat(fd_, &facts) != 0) return failure();
  return static_cast<std::uint64_t>(facts.st_size);
}

Result<std::string> File::read(std::uint64_t at, std::size_t length) const {
  std::string bytes(length, '\0');
  std::size_t have = 0;
  while (have < length) {
    const ssize_t n =
        ::pread(fd_, bytes.data() + have, length - have, static_cast<off_t>(at + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure();
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

Status File::write(std::uint64_t at, std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure();
    at += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status File::truncate(std::uint64_t size) const {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return failure();
  return {};
}

Status File::sync() const {
  if (::fdatasync(fd_) != 0) return failure();
  return {};
}

Status sync_folder(const std::string& path) {
  XC_TRY(const File folder, File::open(path, O_RDONLY | O_DIRECTORY));
  return folder.sync();
}

}  // namespace xc::audit

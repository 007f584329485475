#include "catalog/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace xc::catalog {
namespace {

constexpr std::uint64_t kMebibyte = 1u << 20;
constexpr std::uint64_t kDiskSlackBytesMax = 16 * kMebibyte;  // manifests, other people's logs

FileStamp to_stamp(const struct stat& s) {
  return FileStamp{static_cast<std::uint64_t>(s.st_size),
                   s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec,
                   s.st_ctim.tv_sec,
                   static_cast<std::uint64_t>(s.st_dev),
                   static_cast<std::uint64_t>(s.st_ino),
                   S_ISREG(s.st_mode)};
}

std::uint64_t free_bytes(const struct statvfs& s) {
  return static_cast<std::uint64_t>(s.f_bavail) * s.f_frsize;
}

Error disk_full(const std::string& path, std::uint64_t needed, std::uint64_t left) {
  return Error{Code::Unavailable,
               Message::DiskFull,
               {path, std::to_string((needed + kMebibyte - 1) / kMebibyte),
                std::to_string(left / kMebibyte)},
               {},
               {},
               0};
}

}  // namespace

Error file_error(const std::string& path, int error_number) {
  if (error_number == ENOENT || error_number == ENOTDIR) {
    return Error{Code::NotFound, Message::FileMissing, {path}, {}, {}, 0};
  }
  return Error{Code::Internal,
               Message::FileError,
               {path, std::generic_category().message(error_number)},
               {},
               {},
               0};
}

Result<File> File::open_read(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not block
  if (fd < 0) return std::unexpected(file_error(path, errno));
  File file(fd, path);
  XC_TRY(const FileStamp stamp, file.stamp());
  if (!stamp.regular)
    return fail(Code::InvalidRequest, Message::FileError, {path, "not a regular file"});
  return file;
}

Result<File> File::open_write(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return std::unexpected(file_error(path, errno));
  return File(fd, path);
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<FileStamp> File::stamp() const {
  struct stat s{};
  if (::fstat(descriptor_, &s) != 0) return std::unexpected(file_error(path_, errno));
  return to_stamp(s);
}

Result<std::size_t> File::read_at(std::uint64_t offset, char* out, std::size_t length) const {
  for (;;) {
    const ssize_t n = ::pread(descriptor_, out, length, static_cast<off_t>(offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return std::unexpected(file_error(path_, errno));
  }
}

Result<std::string> File::read_prefix(std::uint64_t length) const {
  std::string bytes(length, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    XC_TRY(const std::size_t n, read_at(got, bytes.data() + got, bytes.size() - got));
    if (n == 0) break;
    got += n;
  }
  bytes.resize(got);
  return bytes;
}

Status File::write_at(std::uint64_t offset, std::string_view bytes, std::uint64_t wanted) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT)) {
      struct statvfs s{};
      const std::uint64_t left = ::fstatvfs(descriptor_, &s) == 0 ? free_bytes(s) : 0;
      const std::uint64_t needed = std::max<std::uint64_t>(wanted, offset + bytes.size()) - offset;
      return std::unexpected(disk_full(path_, needed, left));
    }
    if (n < 0) return std::unexpected(file_error(path_, errno));
    offset += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status File::truncate(std::uint64_t length) {
  if (::ftruncate(descriptor_, static_cast<off_t>(length)) == 0) return {};
  return std::unexpected(file_error(path_, errno));
}

Status File::reserve(std::uint64_t length) {
  XC_TRY(const FileStamp before, stamp());
  int result = 0;
  do {
    result = ::fallocate(descriptor_, 0, 0, static_cast<off_t>(length));
  } while (result != 0 && errno == EINTR);
  if (result == 0 || (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)) return {};
  const int reason = errno;
  XC_CHECK(truncate(before.bytes));
  if (reason == EFBIG) return std::unexpected(file_error(path_, reason));
  struct statvfs s{};
  const bool known = ::fstatvfs(descriptor_, &s) == 0;
  return std::unexpected(disk_full(path_, length, known ? free_bytes(s) : 0));
}

Status File::sync() {
  if (::fsync(descriptor_) == 0) return {};
  return std::unexpected(file_error(path_, errno));
}

Result<bool> File::try_lock() {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK || errno == EINTR) return false;
  return std::unexpected(file_error(path_, errno));
}

Status File::lock() {
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno != EINTR) return std::unexpected(file_error(path_, errno));
  }
  return {};
}

Result<FileStamp> stamp_of(const std::string& path) {
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0) return std::unexpected(file_error(path, errno));
  return to_stamp(s);
}

Status make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return std::unexpected(file_error(path, error.value()));
  return {};
}

Status sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(file_error(path, errno));
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // Some network file systems cannot sync a folder; the rename itself is still atomic there.
  if (failed != 0 && failed != EINVAL) return std::unexpected(file_error(path, failed));
  return {};
}

Status rename_synced(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return std::unexpected(file_error(from, errno));
  return sync_folder(std::filesystem::path(to).parent_path().string());
}

Status write_atomically(const std::string& path, const std::string& aside, std::string_view bytes) {
  Result<File> file = File::open_write(aside);
  if (!file) return std::unexpected(std::move(file.error()));
  Status done = file->truncate(0);
  if (done) done = file->write_at(0, bytes, bytes.size());
  if (done) done = file->sync();
  if (done) done = rename_synced(aside, path);
  if (!done) remove_quietly(aside);
  return done;
}

Status check_space(const std::string& folder, const std::string& for_path, std::uint64_t bytes) {
  struct statvfs s{};
  if (::statvfs(folder.c_str(), &s) != 0) return std::unexpected(file_error(folder, errno));
  const std::uint64_t left = free_bytes(s);
  const std::uint64_t slack = std::min(bytes, kDiskSlackBytesMax);
  if (left >= bytes && left - bytes >= slack) return {};
  return std::unexpected(disk_full(for_path, bytes + slack, left));
}

void remove_quietly(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace xc::catalog

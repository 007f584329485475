#include "engine/chunks/chunk_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/descriptor.h"

namespace xc::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".kv";
constexpr std::string_view kTemporary = ".tmp";
constexpr std::int64_t kMicros = 1'000'000;

std::array<timespec, 2> times_of(std::int64_t us) {
  const timespec time{.tv_sec = us / kMicros, .tv_nsec = us % kMicros * 1000};
  return {time, time};
}
std::int64_t micros_of(const timespec& time) { return time.tv_sec * kMicros + time.tv_nsec / 1000; }

int write_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

int open_new(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int make_folders(const fs::path& space) {
  std::error_code failed;
  fs::create_directories(space.parent_path().parent_path(), failed);
  for (const fs::path& folder : {space.parent_path(), space}) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno;
  }
  return 0;
}

int write_and_rename(int fd, const std::string& aside, const std::string& path, Bytes bytes,
                     std::int64_t used_us) {
  if (const int failure = write_all(fd, bytes)) return failure;
  if (::futimens(fd, times_of(used_us).data()) != 0) return errno;
  if (::fsync(fd) != 0) return errno;
  return std::rename(aside.c_str(), path.c_str()) == 0 ? 0 : errno;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    entries.push_back(it->path());
  }
  return entries;
}

void list_file(const fs::path& path, const Digest& space, ChunkListing& listing) {
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return;
  const std::int64_t time_us = micros_of(facts.st_mtim);
  const std::string name = path.filename().string();
  if (name.ends_with(kTemporary)) {
    listing.temporaries.push_back({path.string(), time_us});
  } else if (name.ends_with(kSuffix)) {
    const auto key = digest_of_hex(std::string_view(name).substr(0, name.size() - kSuffix.size()));
    if (key) {
      listing.files.push_back({space, *key, static_cast<std::uint64_t>(facts.st_size), time_us});
    }
  }
}

}  // namespace

std::string space_folder(const std::string& root, const Digest& space) {
  return root + "/" + hex_of(space);
}

std::string chunk_path(const std::string& root, const Digest& space, const Digest& key) {
  const std::string hex = hex_of(key);
  return space_folder(root, space) + "/" + hex.substr(0, 2) + "/" + hex + std::string(kSuffix);
}

int ChunkFiles::write(const std::string& path, Bytes bytes, std::string_view unique,
                      std::int64_t used_us) {
  const std::string aside = path + "." + std::string(unique) + std::string(kTemporary);
  const fs::path folder = fs::path(path).parent_path();
  // Twice, because another worker may remove an empty folder in between.
  for (int attempt = 0;; ++attempt) {
    const Descriptor file(open_new(aside));
    if (file.fd < 0 && errno == ENOENT && attempt < 2) {
      if (const int failure = make_folders(folder)) return failure;
      continue;
    }
    if (file.fd < 0) return errno;
    const int failure = write_and_rename(file.fd, aside, path, bytes, used_us);
    if (failure) ::unlink(aside.c_str());
    return failure;
  }
}

int ChunkFiles::read(const std::string& path, std::size_t bytes_max, KvBytes& into) {
  // Not blocking, should it be a pipe.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.fd < 0) return errno;
  struct stat facts{};
  if (::fstat(file.fd, &facts) != 0) return errno;
  if (!S_ISREG(facts.st_mode)) return EINVAL;
  if (static_cast<std::uint64_t>(facts.st_size) > bytes_max) return EFBIG;
  into.resize(static_cast<std::size_t>(facts.st_size));
  std::size_t got = 0;
  while (got < into.size()) {
    const ssize_t n = ::read(file.fd, into.data() + got, into.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) break;  // cut while being read
    got += static_cast<std::size_t>(n);
  }
  into.resize(got);
  return 0;
}

int ChunkFiles::remove(const std::string& path) { return ::unlink(path.c_str()) == 0 ? 0 : errno; }

int ChunkFiles::touch(const std::string& path, std::int64_t used_us) {
  const auto times = times_of(used_us);
  return ::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

std::uint64_t ChunkFiles::free_bytes(const std::string& folder) {
  struct statvfs facts{};
  if (::statvfs(folder.c_str(), &facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

std::uint64_t ChunkFiles::size_of(const std::string& path) {
  struct stat facts{};
  if (::lstat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return 0;
  return static_cast<std::uint64_t>(facts.st_size);
}

ChunkListing ChunkFiles::list(const std::string& root) {
  ChunkListing listing;
  for (const fs::path& folder : entries_of(root)) {
    const auto space = digest_of_hex(folder.filename().string());
    if (!space) continue;
    listing.spaces.push_back(*space);
    for (const fs::path& part : entries_of(folder)) {
      for (const fs::path& file : entries_of(part)) list_file(file, *space, listing);
      ::rmdir(part.c_str());  // only when empty
    }
    ::rmdir(folder.c_str());
  }
  return listing;
}

void ChunkFiles::remove_space(const std::string& root, const Digest& space) {
  std::error_code ignored;
  fs::remove_all(space_folder(root, space), ignored);
}

}  // namespace xc::engine

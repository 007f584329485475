#include "engine/chunks/tenant_keys.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/descriptor.h"
#include "base/limits.h"

namespace xc::engine {
namespace {

namespace fs = std::filesystem;

// docs/formats/chunk.md: magic, secret, the first 8 bytes of SHA-256(magic ‖ secret).
struct KeyFile {
  std::array<char, 8> magic = {'X', 'C', 'T', 'K', 'E', 'Y', '1', '\n'};
  Digest secret{};
  std::array<std::uint8_t, 8> check{};
};
static_assert(sizeof(KeyFile) == 48);

std::array<std::uint8_t, 8> check_of(const KeyFile& file) {
  const Digest digest = sha256({bytes_of(file.magic), bytes_of(file.secret)});
  std::array<std::uint8_t, 8> check{};
  std::copy_n(digest.begin(), check.size(), check.begin());
  return check;
}

std::unexpected<Error> file_error(const std::string& path) {
  return fail(Code::Internal, Message::FileError, {path, std::strerror(errno)});
}

// nullopt: there is none, or it is damaged.
Result<std::optional<Digest>> read_key(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file.fd < 0 && errno == ENOENT) return std::nullopt;
  if (file.fd < 0) return file_error(path);
  KeyFile key;
  const KeyFile pattern;
  const ssize_t got = ::read(file.fd, &key, sizeof(key));
  if (got < 0) return file_error(path);
  if (got != sizeof(key) || key.magic != pattern.magic || key.check != check_of(key)) {
    return std::nullopt;
  }
  return key.secret;
}

// One process at a time makes or erases secrets.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : path_(folder + "/.lock"),
        file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}
  Status take() const {
    if (file_.fd < 0) return file_error(path_);
    while (::flock(file_.fd, LOCK_EX) != 0) {
      if (errno != EINTR) return file_error(path_);
    }
    return {};
  }

 private:
  std::string path_;
  Descriptor file_;  // closing it unlocks
};

bool write_key(int fd, const KeyFile& key) {
  return ::write(fd, &key, sizeof(key)) == static_cast<ssize_t>(sizeof(key));
}

}  // namespace

std::string TenantKeys::path_of(const std::string& tenant) const {
  return folder_ + "/" + hex_of(sha256({bytes_of(tenant)})) + ".key";
}

Digest TenantKeys::fresh() {
  Digest secret{};
  for (std::size_t at = 0; at < secret.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t bits = random_.next();
    std::memcpy(secret.data() + at, &bits, sizeof(bits));
  }
  return secret;
}

// Not synced: a power cut that loses a secret loses a cache.
Result<Digest> TenantKeys::make(const std::string& path) {
  KeyFile key;
  key.secret = fresh();
  key.check = check_of(key);
  const std::string aside = path + ".tmp";  // ours alone: the folder is locked
  ::unlink(aside.c_str());
  const Descriptor file(
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.fd < 0) return file_error(aside);
  if (!write_key(file.fd, key) || std::rename(aside.c_str(), path.c_str()) != 0) {
    const auto failure = file_error(path);
    ::unlink(aside.c_str());
    return failure;
  }
  return key.secret;
}

Result<Digest> TenantKeys::open(const std::string& tenant) {
  const std::lock_guard guard(mutex_);
  if (folder_.empty()) {
    if (const auto known = memory_.find(tenant); known != memory_.end()) return known->second;
    if (memory_.size() >= limits::kChunkTenantsMax) memory_.clear();  // all start cold
    return memory_[tenant] = fresh();
  }
  const std::string path = path_of(tenant);
  XC_TRY(const auto known, read_key(path));
  if (known) return *known;
  std::error_code failed;
  fs::create_directories(fs::path(folder_).parent_path(), failed);
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return file_error(folder_);
  const FolderLock lock(folder_);
  XC_CHECK(lock.take());
  XC_TRY(const auto meanwhile, read_key(path));
  if (meanwhile) return *meanwhile;
  return make(path);
}

bool TenantKeys::holds(const std::string& tenant, const Digest& secret) {
  if (folder_.empty()) {
    const std::lock_guard guard(mutex_);
    const auto known = memory_.find(tenant);
    return known != memory_.end() && known->second == secret;
  }
  const auto known = read_key(path_of(tenant));
  return known && *known && **known == secret;
}

Result<std::optional<Digest>> TenantKeys::erase(const std::string& tenant) {
  const std::lock_guard guard(mutex_);
  if (folder_.empty()) {
    const auto known = memory_.find(tenant);
    if (known == memory_.end()) return std::nullopt;
    const Digest secret = known->second;
    memory_.erase(known);
    return secret;
  }
  if (::access(folder_.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  const FolderLock lock(folder_);
  XC_CHECK(lock.take());
  const std::string path = path_of(tenant);
  XC_TRY(const auto secret, read_key(path));
  // Overwritten first, for disks that write in place; others keep old blocks for a while.
  if (const Descriptor file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
      file.fd >= 0) {
    const std::array<char, sizeof(KeyFile)> zeros{};
    if (::write(file.fd, zeros.data(), zeros.size()) < 0 || ::fsync(file.fd) != 0) {
      return file_error(path);
    }
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return file_error(path);
  const Descriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd < 0 || ::fsync(folder.fd) != 0) return file_error(folder_);
  return secret;
}

Result<std::vector<Digest>> TenantKeys::all() const {
  std::vector<Digest> secrets;
  std::error_code failed;
  fs::directory_iterator it(folder_, failed);
  if (failed == std::errc::no_such_file_or_directory) return secrets;
  for (const fs::directory_iterator end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() != ".key") continue;
    XC_TRY(const auto secret, read_key(it->path().string()));
    if (secret) secrets.push_back(*secret);
  }
  if (failed) {
    return fail(Code::Internal, Message::FileError, {folder_, failed.message()});
  }
  return secrets;
}

}  // namespace xc::engine

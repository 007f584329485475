#include "secrets/key_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "crypto/hex.h"
#include "secrets/random_bytes.h"
#include "store/atomic_file.h"

namespace xc::secrets {
namespace {

constexpr std::size_t kFileBytesMax = 256;  // two lines of 64 digits, and their ends
constexpr std::size_t kKeysMax = 2;

std::unexpected<Error> bad(const std::string& path, std::string why) {
  return fail(Code::Internal, Message::MasterKeyBad, {path, std::move(why)});
}

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

std::string text_of_keys(const Keys& keys) {
  std::string text;
  for (const crypto::Digest& key : keys) text += crypto::hex_of(key) + "\n";
  return text;
}

// Whether what was opened is still what the path leads to.
bool is_at(int fd, const std::string& path) {
  struct stat opened{};
  struct stat there{};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &there) == 0 &&
         opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

}  // namespace

Result<KeyFileFacts> look_at_key_file(const std::string& path) {
  KeyFileFacts facts;
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return facts;
    return bad(path, std::strerror(errno));
  }
  XC_TRY(const Keys keys, read_keys(path));
  facts = {true, (found.st_mode & 077) != 0, found.st_mode & 07777, keys.size() > 1};
  return facts;
}

// Whoever links first wins, so that two gateways that start at once end up with one key.
Status make_key_file(const std::string& path, RandomSource& random) {
  const std::string aside = fmt::format("{}.tmp-{:016x}", path, random.next());
  const Keys keys{random_bytes<crypto::Digest>(random)};
  XC_CHECK(store::write_atomically(aside, text_of_keys(keys), 0600));
  const bool linked = ::link(aside.c_str(), path.c_str()) == 0;
  const int failure = errno;
  ::unlink(aside.c_str());
  if (!linked && failure != EEXIST) return bad(path, std::strerror(failure));
  XC_CHECK(store::sync_folder_of(path));
  if (linked) log::info("secrets", "made the master key {}: keep a copy of it", path);
  return {};
}

Result<Keys> read_keys(const std::string& path) {
  const Result<std::string> text = store::read_bounded(path, kFileBytesMax);
  if (!text) return bad(path, text_of(text.error(), Language::En));
  Keys keys;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty()) continue;
    const std::optional<crypto::Digest> key = crypto::digest_of_hex(line);
    if (!key) return bad(path, "not 64 hexadecimal digits");
    keys.push_back(*key);
  }
  if (keys.empty()) return bad(path, "not 64 hexadecimal digits");
  if (keys.size() > kKeysMax) return bad(path, fmt::format("more than {} keys", kKeysMax));
  return keys;
}

Status write_keys(const std::string& path, const Keys& keys) {
  return store::write_atomically(path, text_of_keys(keys), 0600);
}

Result<Held> hold_key_file(const std::string& path, Hold how) {
  const bool alone = how == Hold::Alone;
  for (auto waited = limits::kMasterKeyPause; waited <= limits::kMasterKeyWait;
       waited += limits::kMasterKeyPause) {
    // Over NFS a lock for one alone needs a file that is open for writing.
    auto file = std::make_shared<const Descriptor>(
        ::open(path.c_str(), (alone ? O_RDWR : O_RDONLY) | O_CLOEXEC));
    if (file->fd < 0) return bad(path, std::strerror(errno));
    const bool locked = ::flock(file->fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0;
    if (locked && is_at(file->fd, path)) return file;
    if (!locked && errno != EWOULDBLOCK) {
      if (alone) return bad(path, std::strerror(errno));
      return file;
    }
    if (!locked && alone) break;
    std::this_thread::sleep_for(limits::kMasterKeyPause);
  }
  return fail(Code::Conflict, Message::MasterKeyBusy, {path});
}

}  // namespace xc::secrets

#include "secrets/rotation.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "secrets/key_file.h"
#include "secrets/random_bytes.h"

namespace xc::secrets {
namespace {

namespace fs = std::filesystem;

// The new file is this user's and nobody else's: whoever the server runs as must read it then.
Status check_owner(const Descriptor& file, const std::string& path) {
  struct stat facts{};
  if (::fstat(file.fd, &facts) != 0 || facts.st_uid != ::geteuid()) {
    return fail(Code::Internal, Message::MasterKeyBad,
                {path, "it belongs to another user, and only that one may replace it"});
  }
  if ((facts.st_mode & 077) == 0) return {};
  return fail(Code::Internal, Message::MasterKeyBad,
              {path, "others may read it; chown it to the server's user and chmod 600 it first"});
}

Status check_all_open(store::Database& database, const MasterKey& master,
                      std::span<const SealedColumn> columns) {
  std::vector<std::string> unread;
  for (const SealedColumn& column : columns) {
    if (!column.forget.empty()) continue;
    XC_TRY(const std::vector<std::string> some, unread_of(database, master, column));
    for (const std::string& name : some) {
      unread.push_back(std::string(column.kind.label) + " " + name);
    }
  }
  if (unread.empty()) return {};
  return fail(Code::Conflict, Message::SecretsUnread, {master.path(), names_of(unread)});
}

Result<int> move(store::Database& database, const MasterKey& master, const SealedColumn& column) {
  if (!column.forget.empty()) {
    XC_CHECK(database.execute(column.forget));
    return 0;
  }
  int sealed = 0;
  for (int pass = 0; pass < limits::kSealPassesMax; ++pass) {
    XC_TRY(const Sealing done, seal_anew(database, master, column));
    if (done.sealed == 0) break;
    sealed += done.sealed;
  }
  return sealed;
}

// What writers that were killed left beside the file; those are keys too.
void sweep(const std::string& path) {
  const fs::path file(path);
  const std::string beginning = file.filename().string() + ".tmp-";
  std::error_code ignored;
  std::vector<fs::path> left;
  for (const fs::directory_entry& entry : fs::directory_iterator(file.parent_path(), ignored)) {
    if (entry.path().filename().string().starts_with(beginning)) left.push_back(entry.path());
  }
  for (const fs::path& one : left) fs::remove(one, ignored);
}

}  // namespace

Result<Rotation> rotate(const std::string& path, store::Database& database,
                        std::span<const SealedColumn> columns, RandomSource& random) {
  XC_TRY(Held held, hold_key_file(path, Hold::Alone));
  XC_CHECK(check_owner(*held, path));
  XC_TRY(Keys keys, read_keys(path));
  Rotation rotation{0, keys.size() > 1};
  XC_CHECK(check_all_open(database, {path, keys, random}, columns));
  sweep(path);
  if (!rotation.resumed) {
    keys.insert(keys.begin(), random_bytes<crypto::Digest>(random));
    XC_CHECK(write_keys(path, keys));
    // It is another file now. Who was quicker than this has both keys and seals under the new one,
    // but nobody may find that a second rotation dropped what it has.
    XC_TRY(Held again, hold_key_file(path, Hold::Alone));
    held = std::move(again);
  }
  for (const SealedColumn& column : columns) {
    XC_TRY(const int sealed, move(database, {path, keys, random}, column));
    rotation.sealed += sealed;
  }
  const Keys newest{keys.front()};
  XC_CHECK(check_all_open(database, {path, newest, random}, columns));
  XC_CHECK(write_keys(path, newest));
  return rotation;
}

}  // namespace xc::secrets

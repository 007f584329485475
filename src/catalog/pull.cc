// ModelStore::pull: every file of an entry into its final place, then the manifest.
#include <sys/stat.h>

#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "catalog/blob.h"
#include "catalog/fetch.h"
#include "catalog/names.h"
#include "catalog/sha256.h"

namespace xc::catalog {
namespace {

constexpr std::chrono::milliseconds kLockPollEvery{200};

std::unexpected<Error> cancelled(const std::string& what) {
  return fail(Code::Cancelled, Message::Cancelled, {what});
}

// The partial file, locked for us. A holder renames or deletes the file that it locked, so after
// locking the name must still lead to what we hold.
Result<File> lock_part(const StoreLayout& layout, const ModelFile& file, const Progress& progress) {
  const std::string path = layout.part(file.sha256);
  for (bool told = false;;) {
    XC_TRY(File part, File::open_write(path));
    XC_TRY(const bool locked, part.try_lock());
    if (locked) {
      XC_TRY(const FileStamp mine, part.stamp());
      const Result<FileStamp> named = stamp_of(path);
      if (named && named->inode == mine.inode) return part;
      continue;
    }
    if (!told) log::info("catalog", "another process is fetching {}; waiting for it", file.name);
    told = true;
    if (progress && !progress(0, file.bytes)) return cancelled(file.name);
    std::this_thread::sleep_for(kLockPollEvery);
  }
}

Status finish_part(const StoreLayout& layout, const ModelFile& file, File& part) {
  XC_TRY(const GgufHeader header, read_gguf(part.path()));
  const bool is_projector = header.facts.architecture == "clip";
  if (is_projector != (file.use == ModelFile::Use::Projector)) {
    return fail(Code::Upstream, Message::BadModelFile,
                {file.name, "its architecture is " + header.facts.architecture, "0"});
  }
  ::fchmod(part.descriptor(), 0444);  // a hint to people; the store itself never writes a blob
  XC_CHECK(part.sync());
  return rename_synced(part.path(), layout.blob(file.sha256));
}

InstalledModel describe(const Entry& entry) {
  InstalledModel model;
  model.name = entry.name;
  model.aliases = entry.aliases;
  model.installed_unix_ms = SystemClock().unix_ms();
  model.capabilities = entry.capabilities;
  model.sampling = entry.sampling;
  model.licence = entry.licence.spdx;
  return model;
}

}  // namespace

bool ModelStore::is_trusted(const std::string& sha256, std::uint64_t bytes,
                            const Progress& progress) const {
  const std::string path = layout_.blob(sha256);
  const Result<FileStamp> stamp = stamp_of(path);
  if (!stamp || stamp->bytes != bytes) return false;
  for (const InstalledModel& model : list()) {
    const bool weights = model.sha256 == sha256 && model.mtime_ns == stamp->mtime_ns;
    const bool projector =
        model.projector_sha256 == sha256 && model.projector_mtime_ns == stamp->mtime_ns;
    if (weights || projector) return true;
  }
  const Result<File> file = File::open_read(path);
  if (!file) return false;
  const Result<std::string> digest =
      sha256_of(*file, [&](std::uint64_t done) { return !progress || progress(done, bytes); });
  return digest && *digest == sha256;
}

// Fetches into the locked partial file and moves it to its place; what it returns names the source.
Result<std::string> ModelStore::fetch_blob(const ModelFile& file, File& part,
                                           const Progress& progress) {
  const auto of_file = [&](std::uint64_t done) { return !progress || progress(done, file.bytes); };
  const Fetch fetch{.model_name = file.name,
                    .file = file,
                    .settings = settings_,
                    .work_dir = layout_.partial() + "/" + file.sha256 + ".pip",
                    .progress = of_file};
  Result<std::string> source = fetch_file(fetch, part);
  if (!source) {
    const Result<FileStamp> left = part.stamp();
    if (left && left->bytes == 0) remove_quietly(part.path());
    return source;
  }
  Status done = finish_part(layout_, file, part);
  if (done) return source;
  remove_quietly(part.path());
  return std::unexpected(std::move(done.error()));
}

Result<ModelStore::Blob> ModelStore::ensure_blob(const ModelFile& file, const Progress& progress) {
  Blob blob{layout_.blob(file.sha256), file.sha256, {}, "local"};
  if (!is_trusted(file.sha256, file.bytes, progress)) {
    XC_TRY(File part, lock_part(layout_, file, progress));
    // Another pull may have finished the file before we got the lock.
    if (is_trusted(file.sha256, file.bytes, progress)) {
      remove_quietly(part.path());
    } else {
      XC_TRY(blob.source, fetch_blob(file, part, progress));
    }
  }
  XC_TRY(blob.stamp, stamp_of(blob.path));
  return blob;
}

Result<InstalledModel> ModelStore::pull(const Entry& entry, const Progress& progress,
                                        std::optional<LicenceAccepted> accepted) {
  for (const std::string& folder : {layout_.blobs(), layout_.manifests(), layout_.partial()}) {
    XC_CHECK(make_folder(folder));
  }
  std::uint64_t total = 0, before = 0;
  for (const ModelFile& file : entry.files) total += file.bytes;
  InstalledModel model = describe(entry);
  model.licence_accepted = std::move(accepted);
  for (const ModelFile& file : entry.files) {
    const Progress of_all = [&](std::uint64_t done, std::uint64_t) {
      return !progress || progress(before + done, total);
    };
    XC_TRY(const Blob blob, ensure_blob(file, of_all));
    before += file.bytes;
    if (file.use == ModelFile::Use::Projector) {
      blob.describe_projector(model);
    } else {
      blob.describe_weights(model);
    }
  }
  if (progress && !progress(total, total)) return cancelled(entry.name);
  XC_TRY(const GgufHeader header, read_gguf(model.weights_path));
  model.facts = header.facts;
  XC_CHECK(commit(model, true));
  return model;
}

}  // namespace xc::catalog

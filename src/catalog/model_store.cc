#include "catalog/model_store.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "catalog/blob.h"
#include "catalog/manifest.h"
#include "catalog/names.h"
#include "catalog/sha256.h"

namespace xc::catalog {
namespace {

namespace fs = std::filesystem;

struct Listing {
  std::vector<InstalledModel> models;
  bool whole = true;  // every manifest could be read
};

Result<InstalledModel> read_manifest(const std::string& path, const StoreLayout& layout) {
  XC_TRY(const File file, File::open_read(path));
  XC_TRY(const std::string text, file.read_prefix(limits::kManifestBytesMax));
  return parse_manifest(text, layout, path);
}

Listing read_all(const StoreLayout& layout) {
  Listing listing;
  std::error_code error;
  for (auto at = fs::directory_iterator(layout.manifests(), error);
       !error && at != fs::directory_iterator(); at.increment(error)) {
    if (at->path().extension() != ".json") continue;
    Result<InstalledModel> model = read_manifest(at->path().string(), layout);
    if (!model && model.error().message == Message::FileMissing) continue;  // removed meanwhile
    if (model && at->path().stem() == model->name) {
      listing.models.push_back(std::move(*model));
      continue;
    }
    listing.whole = false;
    log::warn("catalog", "{} is left out: {}", at->path().string(),
              model ? "its name is another" : text_of(model.error(), Language::En));
  }
  std::ranges::sort(listing.models, {}, &InstalledModel::name);
  return listing;
}

bool answers_to(const InstalledModel& model, std::string_view name) {
  return model.name == name || std::ranges::find(model.aliases, name) != model.aliases.end();
}

// Held while manifests change, so that remove() never takes a blob that a pull is about to name.
Result<File> lock_store(const StoreLayout& layout) {
  XC_CHECK(make_folder(layout.manifests()));
  XC_TRY(File lock, File::open_write(layout.lock()));
  XC_CHECK(lock.lock());
  return lock;
}

// Blobs of `old` that no manifest names go. Under the store's lock only.
void remove_unused_blobs(const StoreLayout& layout, const InstalledModel& old) {
  const Listing rest = read_all(layout);
  if (!rest.whole) {
    log::warn("catalog", "blobs of {} are kept: a manifest that cannot be read may name them",
              old.name);
    return;
  }
  for (const std::string& sha256 : {old.sha256, old.projector_sha256}) {
    const bool used = std::ranges::any_of(rest.models, [&sha256](const InstalledModel& other) {
      return other.sha256 == sha256 || other.projector_sha256 == sha256;
    });
    if (!sha256.empty() && !used) remove_quietly(layout.blob(sha256));
  }
}
std::unexpected<Error> gone(const InstalledModel& model, std::string why) {
  return fail(Code::Unavailable, Message::ModelGone, {model.name, std::move(why)});
}

Status check_file(const InstalledModel& model, const std::string& path, std::uint64_t bytes,
                  std::int64_t mtime_ns) {
  const Result<FileStamp> stamp = stamp_of(path);
  if (!stamp) return gone(model, text_of(stamp.error(), Language::En));
  if (stamp->bytes != bytes) {
    return gone(model, path + " has " + std::to_string(stamp->bytes) + " bytes, not " +
                           std::to_string(bytes));
  }
  if (stamp->mtime_ns != mtime_ns) return gone(model, path + " was written to");
  return {};
}

}  // namespace

ModelStore::ModelStore(std::string models_dir, PullSettings settings)
    : settings_(std::move(settings)) {
  std::error_code error;
  const fs::path absolute = fs::absolute(models_dir, error);
  layout_.dir = error ? std::move(models_dir) : absolute.lexically_normal().string();
  while (layout_.dir.size() > 1 && layout_.dir.ends_with('/')) layout_.dir.pop_back();
}

std::vector<InstalledModel> ModelStore::list() const { return read_all(layout_).models; }

Result<InstalledModel> ModelStore::find(std::string_view name) const {
  const std::string wanted = canonical_name(name);
  if (check_name(wanted)) {
    Result<InstalledModel> named = read_manifest(layout_.manifest(wanted), layout_);
    if (named && named->name == wanted) return named;
    for (InstalledModel& model : list()) {
      if (answers_to(model, wanted)) return std::move(model);
    }
  }
  return fail(Code::NotFound, Message::NoModel, {std::string(name)});
}

Status ModelStore::check(const InstalledModel& model) const {
  XC_CHECK(check_file(model, model.weights_path, model.weights_bytes, model.mtime_ns));
  if (model.projector_path.empty()) return {};
  return check_file(model, model.projector_path, model.projector_bytes, model.projector_mtime_ns);
}

Status ModelStore::verify(const InstalledModel& model, const Progress& progress) const {
  std::uint64_t before = 0;
  const auto verify_file = [&](const std::string& path, const std::string& sha256) -> Status {
    XC_TRY(const File file, File::open_read(path));
    XC_TRY(const std::string got, sha256_of(file, [&](std::uint64_t done) {
             return !progress || progress(before + done, model.bytes);
           }));
    if (got == sha256) return {};
    return fail(Code::Unavailable, Message::DigestWrong, {path, sha256, got});
  };
  XC_CHECK(verify_file(model.weights_path, model.sha256));
  if (model.projector_path.empty()) return {};
  before = model.weights_bytes;
  return verify_file(model.projector_path, model.projector_sha256);
}

// `replace`: a model that was pulled may be pulled anew; what a user imported under the name stays.
Status ModelStore::commit(InstalledModel& model, bool replace) {
  XC_TRY(const File lock, lock_store(layout_));
  std::optional<InstalledModel> old;
  for (const InstalledModel& other : list()) {
    if (!answers_to(other, model.name)) {
      std::erase(model.aliases, other.name);  // the other model's own name wins over our alias
      continue;
    }
    const bool same = other.name == model.name &&
                      (other.sha256 == model.sha256 || !other.source.starts_with("import:"));
    if (!replace || !same) return fail(Code::Conflict, Message::NameTaken, {model.name});
    if (model.source == "local") model.source = other.source;
    old = other;
  }
  XC_CHECK(check(model));  // another process may have removed the blob before we got the lock
  SystemRandom random;
  const std::string aside = layout_.partial() + "/" + make_id(random, "manifest-") + ".json";
  XC_CHECK(write_atomically(layout_.manifest(model.name), aside, render_manifest(model)));
  if (old) remove_unused_blobs(layout_, *old);
  return {};
}

Status ModelStore::remove(std::string_view name) {
  XC_TRY(const InstalledModel model, find(name));
  XC_TRY(const File lock, lock_store(layout_));
  for (const InstalledModel& other : list()) {
    if (other.adapter_of == model.name) {
      return fail(Code::Conflict, Message::HasAdapters, {model.name, other.name});
    }
  }
  remove_quietly(layout_.manifest(model.name));
  XC_CHECK(sync_folder(layout_.manifests()));
  remove_unused_blobs(layout_, model);
  return {};
}

}  // namespace xc::catalog

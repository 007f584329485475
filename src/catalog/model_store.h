// The models on this machine: content-addressed blobs and one manifest a name.
//   models/blobs/sha256-<hex>          the bytes
//   models/manifests/<name>.json       see docs/formats/manifest.md
//   models/partial/<hex>.part          a pull in progress, locked by the process that pulls it
//   models/partial/…                   imports and packages in progress; all safe to delete
//   models/.lock                       held while manifests change
// Every change is atomic (write aside, fsync, rename). Several processes may use one folder;
// thread-safe: no state but the folder. Blocking: call from a blocking pool or a command.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/catalogue.h"
#include "catalog/gguf.h"
#include "catalog/pull_settings.h"
#include "catalog/store_layout.h"

namespace xc::catalog {

class File;

// Who took on a licence that asks for it, and when; kept in the manifest.
struct LicenceAccepted {
  std::int64_t unix_ms = 0;
  std::string by;   // the operating system's name of the user
  std::string how;  // "terminal" or "--yes"
  std::string url;  // the terms that were shown
};

struct InstalledModel {
  std::string name;
  std::vector<std::string> aliases;
  std::string weights_path;    // absolute
  std::string projector_path;  // empty: text only
  std::string sha256;          // of the weights
  std::string projector_sha256;
  std::uint64_t bytes = 0;  // weights and projector
  std::uint64_t weights_bytes = 0, projector_bytes = 0;
  std::int64_t mtime_ns = 0;  // of the weights when installed: a cheap check for changes
  std::int64_t projector_mtime_ns = 0;
  std::string source;  // "modelscope:…", "pip:…", "import:/path", "local" (was here)
  std::int64_t installed_unix_ms = 0;
  GgufFacts facts;
  std::vector<std::string> capabilities;
  schema::Sampling sampling;
  std::string licence;
  std::optional<LicenceAccepted> licence_accepted;
  std::string adapter_of;  // a LoRA adapter: its model's name, and `name` is "model:adapter"
};

// bytes done, bytes in all; returning false cancels (a pull keeps its partial file).
using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

class ModelStore {
 public:
  explicit ModelStore(std::string models_dir,
                      PullSettings settings = PullSettings::from_environment());

  // Sorted by name. A manifest that cannot be read is left out and logged.
  std::vector<InstalledModel> list() const;
  // By name or alias; NoModel when absent.
  Result<InstalledModel> find(std::string_view name) const;
  // Existence, size and mtime of the files; ModelGone says what changed. Cheap.
  Status check(const InstalledModel& model) const;
  // Reads everything and compares digests.
  Status verify(const InstalledModel& model, const Progress& progress) const;

  // Fetches every file of the entry: sources in order, resumed, verified, atomic. Waits while
  // another process pulls the same file, then takes its result. Files that are here are kept when
  // their digest is right. Does not ask about the licence: the caller does and gives the answer.
  // Error: PullFailed (what each source said), DiskFull, DigestWrong, Cancelled, NameTaken.
  Result<InstalledModel> pull(const Entry& entry, const Progress& progress,
                              std::optional<LicenceAccepted> accepted = {});
  // Takes a GGUF file by copy (or hard link when on the same file system). The header is read
  // whole first. `projector_path` may be empty. The name is made lower-case.
  // Error: BadModelFile with byte and reason, BadModelName, FileMissing, NameTaken, DiskFull,
  // Cancelled.
  Result<InstalledModel> import_file(const std::string& path, std::string_view name,
                                     const std::string& projector_path, const Progress& progress,
                                     std::optional<LicenceAccepted> accepted = {});
  // Takes a GGUF file with a LoRA adapter for an installed model (by name or alias) and names it
  // "<model>:<name>". Every tensor is compared with the model's, so that what is taken can be
  // loaded. Errors as above; NoModel.
  Result<InstalledModel> import_adapter(const std::string& path, std::string_view model,
                                        std::string_view name, const Progress& progress,
                                        std::optional<LicenceAccepted> accepted = {});
  // Removes the manifest, and blobs that no other manifest names. Error: NoModel; HasAdapters for a
  // model whose adapters are still here.
  Status remove(std::string_view name);

 private:
  struct Blob;  // one file of a model in its final place
  Result<std::string> fetch_blob(const ModelFile& file, File& part, const Progress& progress);
  Result<Blob> ensure_blob(const ModelFile& file, const Progress& progress);
  Result<InstalledModel> adopt(InstalledModel model, const GgufHeader& header,
                               const std::string& path, const std::string& projector_path,
                               const Progress& progress);
  Result<Blob> take_blob(const std::string& path, const Progress& progress);
  bool is_trusted(const std::string& sha256, std::uint64_t bytes, const Progress& progress) const;
  Status commit(InstalledModel& model, bool replace);

  StoreLayout layout_;
  PullSettings settings_;
};

}  // namespace xc::catalog

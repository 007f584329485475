// ModelStore::import_file and import_adapter: a GGUF file of the user's becomes a blob and a
// manifest.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/clock.h"
#include "base/id.h"
#include "catalog/adapter_file.h"
#include "catalog/blob.h"
#include "catalog/names.h"
#include "catalog/sha256.h"

namespace xc::catalog {
namespace {

constexpr std::size_t kCopyBytes = 4u << 20;

std::unexpected<Error> bad_model(const std::string& path, std::string why) {
  return fail(Code::InvalidRequest, Message::BadModelFile, {path, std::move(why), "0"});
}

// Headers that are whole but belong to something that cannot be loaded as this.
Status check_kind(const GgufHeader& header, const std::string& path, bool projector) {
  const auto value = [&header](const char* key) {
    const auto at = header.metadata.find(key);
    return at == header.metadata.end() ? std::string() : at->second;
  };
  const bool clip = header.facts.architecture == "clip";
  if (projector && !clip) return bad_model(path, "it is not a projector (architecture clip)");
  if (!projector && clip) return bad_model(path, "it is a projector; give it with its model");
  if (value("general.type") == "adapter") {
    return bad_model(path, "it is an adapter; import it with --adapter-of MODEL");
  }
  const std::string parts = value("split.count");
  if (!parts.empty() && parts != "0" && parts != "1") {
    return bad_model(path, "it is one of " + parts + " parts; join them first");
  }
  return {};
}

// What `xingcha convert` wrote of the vendor's generation_config.json. A number out of its range is
// as none.
schema::Sampling sampling_of(const GgufHeader& header) {
  schema::Sampling sampling;
  const auto number = [&header](const char* name, double low, double high) {
    const auto at = header.metadata.find(std::string("xingcha.sampling.") + name);
    std::optional<double> value;
    if (at == header.metadata.end()) return value;
    double read = 0;
    const char* end = at->second.data() + at->second.size();
    const auto parsed = std::from_chars(at->second.data(), end, read);
    if (parsed.ec == std::errc() && parsed.ptr == end && read >= low && read <= high) value = read;
    return value;
  };
  sampling.temperature = number("temperature", 0, 2);
  sampling.top_p = number("top_p", 0, 1);
  if (const auto top_k = number("top_k", 0, 1e6)) sampling.top_k = static_cast<int>(*top_k);
  sampling.min_p = number("min_p", 0, 1);
  sampling.repetition_penalty = number("repetition_penalty", 0.01, 2);
  return sampling;
}

// Kernel copy: shares blocks where the file system can.
Status copy_bytes(const File& from, File& to, std::uint64_t bytes, const Progress& progress) {
  bool in_kernel = true;
  std::string buffer;
  for (std::uint64_t done = 0; done < bytes;) {
    if (progress && !progress(done / 2, bytes)) {
      return fail(Code::Cancelled, Message::Cancelled, {from.path()});
    }
    if (in_kernel) {
      auto in = static_cast<off64_t>(done), out = static_cast<off64_t>(done);
      const ssize_t n = ::copy_file_range(from.descriptor(), &in, to.descriptor(), &out,
                                          std::min<std::uint64_t>(bytes - done, kCopyBytes), 0);
      if (n > 0) done += static_cast<std::uint64_t>(n);
      in_kernel = n > 0;  // 0 and errors: the plain way says what is wrong
      continue;
    }
    buffer.resize(kCopyBytes);
    XC_TRY(const std::size_t n, from.read_at(done, buffer.data(), buffer.size()));
    if (n == 0) return std::unexpected(file_error(from.path(), EIO));
    XC_CHECK(to.write_at(done, std::string_view(buffer).substr(0, n), bytes));
    done += n;
  }
  return {};
}

// A name beside the final one, on its file system; nobody else has it.
std::string aside_name(const StoreLayout& layout) {
  SystemRandom random;
  return layout.partial() + "/" + make_id(random, "import-") + ".part";
}

// What imports that were killed left behind. A day is longer than any import that still runs.
void sweep_partial(const StoreLayout& layout) {
  constexpr std::int64_t kDayMs = 24 * 3'600 * 1'000;
  const std::int64_t now_ms = SystemClock().unix_ms();
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(layout.partial(), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("import-") && !name.starts_with("manifest-")) continue;
    const Result<FileStamp> stamp = stamp_of(entry.path().string());
    if (stamp && now_ms - stamp->changed_unix_s * 1'000 > kDayMs) {
      remove_quietly(entry.path().string());
    }
  }
}

// A hard link when that works (same file system, and the kernel lets us), else a synced copy.
Status link_or_copy(const std::string& path, const std::string& aside, std::uint64_t bytes,
                    const Progress& progress) {
  if (::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, aside.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
  XC_CHECK(check_space(std::filesystem::path(aside).parent_path().string(), aside, bytes));
  XC_TRY(const File from, File::open_read(path));
  XC_TRY(File to, File::open_write(aside));
  XC_CHECK(copy_bytes(from, to, bytes, progress));
  return to.sync();
}

}  // namespace

// Link or copy first, then hash what we hold: the digest is of the bytes that stay.
Result<ModelStore::Blob> ModelStore::take_blob(const std::string& path, const Progress& progress) {
  XC_TRY(const FileStamp before, stamp_of(path));
  const std::string aside = aside_name(layout_);
  Status done = link_or_copy(path, aside, before.bytes, progress);
  Result<std::string> digest = std::string();
  if (done) {
    const Result<File> file = File::open_read(aside);
    digest =
        file ? sha256_of(*file,
                         [&](std::uint64_t hashed) {
                           return !progress || progress((before.bytes + hashed) / 2, before.bytes);
                         })
             : Result<std::string>(std::unexpected(file.error()));
    if (!digest) done = std::unexpected(digest.error());
  }
  if (done) {
    const Result<FileStamp> after = stamp_of(path);
    if (!after || after->bytes != before.bytes || after->mtime_ns != before.mtime_ns) {
      done = fail(Code::Conflict, Message::FileError, {path, "it changed while it was read"});
    }
  }
  if (done && !is_trusted(*digest, before.bytes, progress)) {
    done = rename_synced(aside, layout_.blob(*digest));
  }
  remove_quietly(aside);  // gone already unless something failed or the blob was here
  if (!done) return std::unexpected(std::move(done.error()));
  Blob blob{layout_.blob(*digest), *digest, {}, "import:" + path};
  XC_TRY(blob.stamp, stamp_of(blob.path));
  return blob;
}

Result<InstalledModel> ModelStore::import_file(const std::string& path, std::string_view name,
                                               const std::string& projector_path,
                                               const Progress& progress,
                                               std::optional<LicenceAccepted> accepted) {
  InstalledModel model;
  model.licence_accepted = std::move(accepted);
  model.name = canonical_name(name);
  XC_CHECK(check_name(model.name));
  if (find(model.name)) return fail(Code::Conflict, Message::NameTaken, {model.name});
  std::error_code error;
  const std::string source = std::filesystem::absolute(path, error).lexically_normal().string();
  XC_TRY(const GgufHeader header, read_gguf(source));
  XC_CHECK(check_kind(header, path, false));
  if (!projector_path.empty()) {
    XC_TRY(const GgufHeader projector, read_gguf(projector_path));
    XC_CHECK(check_kind(projector, projector_path, true));
  }
  model.capabilities = capabilities_of(header.facts, !projector_path.empty());
  return adopt(std::move(model), header, source, projector_path, progress);
}

Result<InstalledModel> ModelStore::import_adapter(const std::string& path, std::string_view model,
                                                  std::string_view name, const Progress& progress,
                                                  std::optional<LicenceAccepted> accepted) {
  XC_TRY(const InstalledModel base, find(model));
  if (!base.adapter_of.empty()) {
    return fail(Code::InvalidRequest, Message::BadAdapterBase, {base.name, base.adapter_of});
  }
  const std::string own = canonical_name(name);
  XC_CHECK(check_name(own));
  InstalledModel adapter;
  adapter.licence_accepted = std::move(accepted);
  adapter.name = base.name + ":" + own;
  adapter.adapter_of = base.name;
  XC_CHECK(check_name(adapter.name));
  // Requests are split at the last colon.
  if (own.find(':') != std::string::npos) {
    return fail(Code::InvalidRequest, Message::BadAdapterName, {own});
  }
  if (find(adapter.name)) return fail(Code::Conflict, Message::NameTaken, {adapter.name});
  std::error_code error;
  const std::string source = std::filesystem::absolute(path, error).lexically_normal().string();
  XC_TRY(const GgufHeader header, read_gguf(source));
  XC_TRY(const GgufHeader whole, read_gguf(base.weights_path));
  XC_CHECK(check_adapter(header, whole, base.name, path));
  adapter.capabilities = {"adapter"};
  return adopt(std::move(adapter), header, source, "", progress);
}

// Copies and hashes what was looked at, and writes the manifest.
Result<InstalledModel> ModelStore::adopt(InstalledModel model, const GgufHeader& header,
                                         const std::string& path, const std::string& projector_path,
                                         const Progress& progress) {
  for (const std::string& folder : {layout_.blobs(), layout_.manifests(), layout_.partial()}) {
    XC_CHECK(make_folder(folder));
  }
  sweep_partial(layout_);
  XC_TRY(const Blob weights, take_blob(path, progress));
  weights.describe_weights(model);
  if (!projector_path.empty()) {
    XC_TRY(const Blob projector, take_blob(projector_path, progress));
    projector.describe_projector(model);
  }
  model.facts = header.facts;
  model.licence = header.facts.licence;
  model.sampling = sampling_of(header);
  model.installed_unix_ms = SystemClock().unix_ms();
  XC_CHECK(commit(model, false));
  return model;
}

}  // namespace xc::catalog

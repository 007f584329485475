#include "fleet/worker_log.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/limits.h"
#include "base/log.h"

namespace xc::fleet {
namespace {

constexpr std::string_view kFatal = "fatal: ";

std::unexpected<Error> file_error(const std::string& path) {
  return fail(Code::Internal, Message::FileError, {path, std::strerror(errno)});
}

std::uint64_t size_of(int fd) {
  struct stat facts{};
  return ::fstat(fd, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

// FNV-1a: tells "a/b" from "a b" in file names; nothing depends on its strength.
std::uint32_t short_hash(std::string_view text) {
  std::uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

// Length of the UTF-8 sequence at the start of `text`, 0 when it is not one.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) > 0x9f;
  const bool too_large = lead == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

std::string log_file_name(std::string_view model) {
  std::string name;
  bool changed = model.size() > 100;
  for (const char c : model.substr(0, 100)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !name.empty());
    name += plain ? c : '_';
    changed = changed || !plain;
  }
  if (changed || name.empty()) name += fmt::format("-{:08x}", short_hash(model));
  return name + ".log";
}

Status make_private_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return file_error(path);
  // Also for one that was there already: a socket in it is a way into the worker.
  if (::chmod(path.c_str(), 0700) != 0) return file_error(path);
  return {};
}

Result<OpenLog> open_log(const std::string& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) == 0 &&
      static_cast<std::uint64_t>(facts.st_size) > limits::kWorkerLogBytesMax) {
    std::rename(path.c_str(), (path + ".1").c_str());
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return file_error(path);
  return OpenLog{fd, size_of(fd)};
}

void bound_log(const std::string& path) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error || size <= limits::kWorkerLogBytesMax) return;
  std::filesystem::copy_file(path, path + ".1", std::filesystem::copy_options::overwrite_existing,
                             error);
  if (!error) std::filesystem::resize_file(path, 0, error);
  if (error) log::warn("fleet", "cannot bound {}: {}", path, error.message());
}

std::string fatal_reason(const std::string& path, std::uint64_t start) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const std::uint64_t size = size_of(fd);
  std::uint64_t from = start <= size ? start : 0;  // smaller than it was: emptied meanwhile
  if (size - from > limits::kWorkerLogTailBytes) from = size - limits::kWorkerLogTailBytes;
  std::string tail(size - from, '\0');
  const ssize_t got = ::pread(fd, tail.data(), tail.size(), static_cast<off_t>(from));
  ::close(fd);
  tail.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return last_fatal_line(tail);
}

std::string last_fatal_line(std::string_view text) {
  while (!text.empty()) {
    const std::size_t at = text.rfind(kFatal);
    if (at == std::string_view::npos) break;
    if (at == 0 || text[at - 1] == '\n') {
      const std::string_view line = text.substr(at + kFatal.size());
      return printable(line.substr(0, line.find('\n')));
    }
    text = text.substr(0, at);
  }
  return {};
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const std::size_t taken = length == 0 ? 1 : length;
    if (out.size() + taken > limits::kReasonBytesMax) break;
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += '?';
    } else if (first < 0x20 || first == 0x7f) {
      out += ' ';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(taken);
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return out;
}

}  // namespace xc::fleet

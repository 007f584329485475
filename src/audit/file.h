// An open file, read and written at places. Failures are FileError with the path. Reads at places
// may run on any thread; writes on one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace xc::audit {

class File {
 public:
  File() = default;
  // flags as open(2) takes them; a new file has mode 0600. Error: FileMissing, FileError.
  static Result<File> open(const std::string& path, int flags);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  bool is_open() const { return fd_ >= 0; }
  const std::string& path() const { return path_; }
  Result<std::uint64_t> size() const;
  // Up to `length` bytes; fewer at the end of the file.
  Result<std::string> read(std::uint64_t at, std::size_t length) const;
  Status write(std::uint64_t at, std::string_view bytes) const;
  Status truncate(std::uint64_t size) const;
  Status sync() const;  // data and length

 private:
  std::unexpected<Error> failure() const;
  int fd_ = -1;
  std::string path_;
};

Status sync_folder(const std::string& path);

}  // namespace xc::audit

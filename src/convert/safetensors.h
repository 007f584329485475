// One .safetensors file, mapped: 8 bytes of length, a JSON header, then the tensors back to back
// (https://github.com/huggingface/safetensors#format). Nothing of the header is believed: lengths,
// shapes and offsets are checked against each other and the file, and tensors may neither overlap
// nor leave holes, as the format demands. Immutable after open; threads may share it.
//
// The bytes are a mapping: a file that another process cuts short while it is read ends this
// process (SIGBUS). The converter is a command of its own, and what it has written stays.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "convert/scalar.h"

namespace xc::convert {

struct StoredTensor {
  Dtype type = Dtype::F32;
  std::vector<std::uint64_t> shape;  // outermost first
  std::uint64_t begin = 0, end = 0;  // bytes of the data section
};

struct SafetensorsHeader {
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::uint64_t data_offset = 0;
};

// `bytes` is the whole file or at least its head; `file_bytes` what the tensors are checked
// against. Error: BadCheckpoint {name, reason}, the reason naming the tensor.
Result<SafetensorsHeader> parse_safetensors(std::string_view bytes, std::uint64_t file_bytes,
                                            const std::string& name);

class SafetensorsFile {
 public:
  // Error: FileMissing, FileError, BadCheckpoint. `name` is how messages call the file.
  static Result<SafetensorsFile> open(const std::string& path, const std::string& name);
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&& other) noexcept;
  ~SafetensorsFile();

  const std::string& path() const { return path_; }
  const std::string& name() const { return name_; }
  std::uint64_t bytes() const { return bytes_; }
  std::string_view all() const { return {reinterpret_cast<const char*>(base_), bytes_}; }
  const SafetensorsHeader& header() const { return header_; }
  const unsigned char* data(const StoredTensor& tensor) const {
    return base_ + header_.data_offset + tensor.begin;
  }
  // Reads these bytes of the file into the page cache and maps them: as quick as touching them one
  // page at a time is slow. A hint.
  void expect(std::uint64_t begin, std::uint64_t length) const;
  // Tells the kernel that the pages of this tensor are not needed soon.
  void forget(const StoredTensor& tensor) const;

 private:
  SafetensorsFile() = default;

  std::string path_, name_;
  const unsigned char* base_ = nullptr;
  std::uint64_t bytes_ = 0;
  SafetensorsHeader header_;
};

std::unexpected<Error> bad_checkpoint(std::string where, std::string reason);
std::string shape_text(const std::vector<std::uint64_t>& shape);  // "[2, 3]"

}  // namespace xc::convert

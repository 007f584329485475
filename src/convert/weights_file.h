// One file with tensors, mapped: .safetensors, or the .bin that torch.save writes. Immutable after
// open; threads may share it.
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

inline constexpr std::string_view kSafetensorsEnding = ".safetensors", kTorchEnding = ".bin";

struct StoredTensor {
  Dtype type = Dtype::F32;
  std::vector<std::uint64_t> shape;  // outermost first
  std::uint64_t begin = 0, end = 0;  // bytes behind data_offset
};

struct TensorTable {
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::uint64_t data_offset = 0;
};

class WeightsFile {
 public:
  // Error: FileMissing, FileError, BadCheckpoint. `name` is how messages call the file.
  static Result<WeightsFile> open(const std::string& path, const std::string& name);
  WeightsFile(WeightsFile&& other) noexcept;
  WeightsFile& operator=(WeightsFile&& other) noexcept;
  ~WeightsFile();

  const std::string& path() const { return path_; }
  const std::string& name() const { return name_; }
  std::uint64_t bytes() const { return bytes_; }
  std::string_view all() const { return {reinterpret_cast<const char*>(base_), bytes_}; }
  const TensorTable& header() const { return header_; }
  const unsigned char* data(const StoredTensor& tensor) const {
    return base_ + header_.data_offset + tensor.begin;
  }
  // Reads these bytes of the file into the page cache and maps them: as quick as touching them one
  // page at a time is slow. A hint.
  void expect(std::uint64_t begin, std::uint64_t length) const;
  // Tells the kernel that the pages of this tensor are not needed soon.
  void forget(const StoredTensor& tensor) const;

 private:
  WeightsFile() = default;

  std::string path_, name_;
  const unsigned char* base_ = nullptr;
  std::uint64_t bytes_ = 0;
  TensorTable header_;
};

std::unexpected<Error> bad_checkpoint(std::string where, std::string reason);
std::string shape_text(const std::vector<std::uint64_t>& shape);  // "[2, 3]"

}  // namespace xc::convert

#include "convert/weights_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "catalog/file.h"
#include "convert/safetensors.h"
#include "convert/torch_file.h"

namespace xc::convert {

std::unexpected<Error> bad_checkpoint(std::string where, std::string reason) {
  return fail(Code::InvalidRequest, Message::BadCheckpoint, {std::move(where), std::move(reason)});
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Result<WeightsFile> WeightsFile::open(const std::string& path, const std::string& name) {
  XC_TRY(const catalog::File file, catalog::File::open_read(path));
  XC_TRY(const catalog::FileStamp stamp, file.stamp());
  if (stamp.bytes == 0) return bad_checkpoint(name, "it is shorter than 8 bytes");  // no mapping
  WeightsFile opened;
  opened.path_ = path;
  opened.name_ = name;
  void* base = ::mmap(nullptr, stamp.bytes, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (base == MAP_FAILED) return std::unexpected(catalog::file_error(path, errno));
  opened.base_ = static_cast<const unsigned char*>(base);
  opened.bytes_ = stamp.bytes;
  ::madvise(base, stamp.bytes, MADV_SEQUENTIAL);  // reads ahead further
  const std::string_view all(reinterpret_cast<const char*>(opened.base_), stamp.bytes);
  XC_TRY(opened.header_, name.ends_with(kTorchEnding) ? parse_torch(all, name)
                                                      : parse_safetensors(all, stamp.bytes, name));
  return opened;
}

WeightsFile::WeightsFile(WeightsFile&& other) noexcept
    : path_(std::move(other.path_)),
      name_(std::move(other.name_)),
      base_(std::exchange(other.base_, nullptr)),
      bytes_(other.bytes_),
      header_(std::move(other.header_)) {}

WeightsFile& WeightsFile::operator=(WeightsFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(name_, other.name_);
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  std::swap(header_, other.header_);
  return *this;
}

WeightsFile::~WeightsFile() {
  if (base_ != nullptr) ::munmap(const_cast<unsigned char*>(base_), bytes_);
}

void WeightsFile::expect(std::uint64_t begin, std::uint64_t length) const {
#ifdef MADV_POPULATE_READ  // Linux 5.14; older kernels refuse it, and the pages come one by one
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t first = begin / page * page;
  ::madvise(const_cast<unsigned char*>(base_) + first, begin + length - first, MADV_POPULATE_READ);
#endif
}

void WeightsFile::forget(const StoredTensor& tensor) const {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t begin = (header_.data_offset + tensor.begin + page - 1) / page * page;
  const std::uint64_t end = (header_.data_offset + tensor.end) / page * page;
  if (begin < end) {
    ::madvise(const_cast<unsigned char*>(base_) + begin, end - begin, MADV_DONTNEED);
  }
}

}  // namespace xc::convert

#include "convert/gguf_writer.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/assert.h"
#include "base/limits.h"
#include "catalog/sha256.h"

namespace xc::convert {
namespace {

constexpr std::uint64_t kAlignment = 32;
constexpr std::size_t kReadBytes = 4u << 20;
constexpr std::uint64_t kWritebackBytes = 8u << 20;
// GGUF's numbers of value types.
constexpr std::uint32_t kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9;

std::uint64_t aligned(std::uint64_t bytes) { return (bytes + kAlignment - 1) & ~(kAlignment - 1); }

template <typename T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}
void put_text(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out += text;
}

struct ValueWriter {
  std::string& out;
  void operator()(std::uint32_t value) const { put(out, kU32), put(out, value); }
  void operator()(float value) const { put(out, kF32), put(out, value); }
  void operator()(bool value) const { put(out, kBool), put<std::uint8_t>(out, value ? 1 : 0); }
  void operator()(const std::string& value) const { put(out, kString), put_text(out, value); }
  void operator()(const std::vector<std::string>& values) const {
    begin_array(kString, values.size());
    for (const std::string& value : values) put_text(out, value);
  }
  void operator()(const std::vector<float>& values) const {
    begin_array(kF32, values.size());
    for (const float value : values) put(out, value);
  }
  void operator()(const std::vector<std::int32_t>& values) const {
    begin_array(kI32, values.size());
    for (const std::int32_t value : values) put(out, value);
  }
  void begin_array(std::uint32_t type, std::size_t count) const {
    put(out, kArray), put(out, type), put<std::uint64_t>(out, count);
  }
};

std::string sha256_of_bytes(std::string_view bytes) {
  catalog::Sha256 digest;
  digest.add(bytes);
  return digest.finish();
}

// "12 ab…": false when the line is something else.
bool parse_line(std::string_view line, std::size_t& tensor, std::string_view& digest) {
  const auto [end, wrong] = std::from_chars(line.data(), line.data() + line.size(), tensor);
  if (wrong != std::errc() || end == line.data() + line.size() || *end != ' ') return false;
  digest = line.substr(static_cast<std::size_t>(end - line.data()) + 1);
  return digest.size() == 16;
}

}  // namespace

std::uint64_t GgufOutput::bytes() const {
  std::uint64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows * encoded_bytes(type, shape.empty() ? 1 : shape.back());
}

std::string gguf_header(const Metadata& metadata, const std::vector<GgufOutput>& tensors) {
  std::string out = "GGUF";
  put<std::uint32_t>(out, 3);
  put<std::uint64_t>(out, tensors.size());
  put<std::uint64_t>(out, metadata.size());
  for (const auto& [key, value] : metadata) {
    put_text(out, key);
    std::visit(ValueWriter{out}, value);
  }
  std::uint64_t offset = 0;
  for (const GgufOutput& tensor : tensors) {
    put_text(out, tensor.name);
    put(out, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent) {
      put<std::uint64_t>(out, *extent);
    }
    put(out, static_cast<std::uint32_t>(tensor.type));
    put(out, offset);
    offset += aligned(tensor.bytes());
  }
  out.resize(aligned(out.size()), '\0');
  return out;
}

Result<GgufWriter> GgufWriter::open(const std::string& path, const Metadata& metadata,
                                    std::vector<GgufOutput> tensors, const std::string& identity,
                                    const Progress& progress) {
  const std::string header = gguf_header(metadata, tensors);
  XC_TRY(catalog::File part, catalog::File::open_write(path + ".part"));
  XC_TRY(const bool mine, part.try_lock());
  if (!mine) return fail(Code::Conflict, Message::ConvertBusy, {path + ".part"});
  XC_TRY(catalog::File journal, catalog::File::open_write(path + ".part.journal"));
  GgufWriter writer(std::move(part), std::move(journal));
  writer.path_ = path;
  writer.tensors_ = std::move(tensors);
  writer.whole_.resize(writer.tensors_.size());
  writer.header_bytes_ = header.size();
  std::uint64_t end = header.size();
  for (const GgufOutput& tensor : writer.tensors_) {
    writer.offsets_.push_back(end);
    end += aligned(tensor.bytes());
  }
  writer.total_ = end;
  XC_TRY(const catalog::FileStamp stamp, writer.part_.stamp());
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (stamp.bytes < end) {
    XC_CHECK(catalog::check_space(folder.empty() ? "." : folder, path, end - stamp.bytes));
  }
  const std::string first_line =
      fmt::format("xingcha-convert 2 {}\n", sha256_of_bytes(header + identity));
  XC_TRY(const std::string lines, writer.journal_.read_prefix(limits::kConvertJournalBytesMax));
  if (!lines.starts_with(first_line)) {
    XC_CHECK(writer.start_over(header, first_line));
    return writer;
  }
  writer.journal_end_ = first_line.size();
  XC_CHECK(writer.part_.reserve(end));
  XC_CHECK(writer.part_.write_at(0, header, end));  // cheap, and surely right
  XC_CHECK(writer.keep_what_is_whole(std::string_view(lines).substr(first_line.size()), progress));
  XC_CHECK(writer.journal_.truncate(writer.journal_end_));
  return writer;
}

Status GgufWriter::start_over(const std::string& header, const std::string& first_line) {
  XC_CHECK(journal_.truncate(0));  // before the bytes that it speaks of
  XC_CHECK(part_.truncate(0));
  XC_CHECK(part_.reserve(total_));
  XC_CHECK(part_.write_at(0, header, total_));
  XC_CHECK(journal_.write_at(0, first_line, 0));
  journal_end_ = first_line.size();
  return {};
}

Result<std::string> GgufWriter::digest_of(std::size_t tensor) const {
  QuickHash digest;
  std::string buffer(kReadBytes, '\0');
  const std::uint64_t bytes = tensors_[tensor].bytes();
  for (std::uint64_t done = 0; done < bytes;) {
    const std::size_t want = std::min<std::uint64_t>(buffer.size(), bytes - done);
    XC_TRY(const std::size_t n, part_.read_at(offsets_[tensor] + done, buffer.data(), want));
    if (n == 0) break;  // shorter than the journal says: the digest will not match
    digest.add(std::string_view(buffer).substr(0, n));
    done += n;
  }
  return digest.finish();
}

// Stops at the first line that is torn or not true any more: what follows is written again.
Status GgufWriter::keep_what_is_whole(std::string_view lines, const Progress& progress) {
  while (!lines.empty()) {
    const std::size_t newline = lines.find('\n');
    std::size_t tensor = 0;
    std::string_view wanted;
    if (newline == std::string_view::npos ||
        !parse_line(lines.substr(0, newline), tensor, wanted) || tensor >= tensors_.size() ||
        whole_[tensor]) {
      return {};
    }
    XC_TRY(const std::string digest, digest_of(tensor));
    if (digest != wanted) return {};
    whole_[tensor] = true;
    kept_ += tensors_[tensor].bytes();
    journal_end_ += newline + 1;
    lines.remove_prefix(newline + 1);
    if (progress && !progress(kept_, total_)) {
      return fail(Code::Cancelled, Message::Cancelled, {path_});
    }
  }
  return {};
}

GgufWriter::Tensor GgufWriter::begin(std::size_t tensor) {
  XC_ASSERT(!whole_[tensor]);
  return Tensor(*this, tensor);
}

Status GgufWriter::Tensor::append(std::string_view bytes) {
  XC_CHECK(writer_.part_.write_at(writer_.offsets_[number_] + written_, bytes, writer_.total_));
  digest_.add(bytes);
  written_ += bytes.size();
  if (written_ - handed_over_ >= kWritebackBytes) start_writeback();
  return {};
}

// The kernel would begin to write when a tenth of the memory is dirty, and finish() would wait for
// all of it. A hint: where it is not understood nothing is lost but time.
void GgufWriter::Tensor::start_writeback() {
  static_cast<void>(::sync_file_range(
      writer_.part_.descriptor(), static_cast<off64_t>(writer_.offsets_[number_] + handed_over_),
      static_cast<off64_t>(written_ - handed_over_), SYNC_FILE_RANGE_WRITE));
  handed_over_ = written_;
}

Status GgufWriter::Tensor::end() {
  XC_ASSERT(written_ == writer_.tensors_[number_].bytes());
  return writer_.note_whole(number_, digest_.finish());
}

Status GgufWriter::note_whole(std::size_t tensor, const std::string& digest) {
  const std::string line = fmt::format("{} {}\n", tensor, digest);
  const std::scoped_lock lock(*mutex_);
  XC_CHECK(journal_.write_at(journal_end_, line, 0));
  journal_end_ += line.size();
  whole_[tensor] = true;
  return {};
}

Status GgufWriter::finish(const Metadata& metadata) {
  for (const std::uint8_t whole : whole_) XC_ASSERT(whole != 0);
  const std::string header = gguf_header(metadata, tensors_);
  XC_ASSERT(header.size() == header_bytes_);
  XC_CHECK(part_.write_at(0, header, total_));
  XC_CHECK(part_.truncate(total_));  // the padding behind the last tensor
  XC_CHECK(part_.sync());
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  if (folder.empty()) path_ = "./" + path_;  // the folder is synced after the rename
  XC_CHECK(catalog::rename_synced(path_ + ".part", path_));
  catalog::remove_quietly(path_ + ".part.journal");
  return {};
}

}  // namespace xc::convert

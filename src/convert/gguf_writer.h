// Writes a GGUF file (version 3) beside its final name, and continues after a kill: OUT.part holds
// the bytes, OUT.part.journal one line for each tensor that is whole. Only finish() gives the file
// its name, after an fsync, so OUT is never half a file.
//
// Journal, text, one line each:
//   xingcha-convert 2 <sha256 of the GGUF header, its digests blank, and of the sources' identity>
//   <tensor number> <QuickHash of its bytes>
// A journal of another first line (other weights, options or program) is thrown away; a line whose
// bytes do not have its digest any more is too. Both files are locked while a writer lives.
//
// Threads: after open(), several threads may write one tensor each (begin, append, end).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/file.h"
#include "convert/plan.h"
#include "convert/quick_hash.h"
#include "convert/scalar.h"

namespace xc::convert {

struct GgufOutput {
  std::string name;
  std::vector<std::uint64_t> shape;  // outermost first
  OutputType type = OutputType::F32;

  std::uint64_t bytes() const;
};

// The header: magic, counts, metadata, tensor infos, padding. Pure.
std::string gguf_header(const Metadata& metadata, const std::vector<GgufOutput>& tensors);

class GgufWriter {
 public:
  // bytes done of all; false cancels (what is whole is kept).
  using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

  // Checks the space, opens or continues OUT.part. `metadata` may hold blanks that finish() fills
  // with as many bytes; `identity` says which sources the bytes come from. `progress` hears about
  // bytes that are verified.
  // Errors: FileError, DiskFull, ConvertBusy (another process writes it), Cancelled.
  static Result<GgufWriter> open(const std::string& path, const Metadata& metadata,
                                 std::vector<GgufOutput> tensors, const std::string& identity,
                                 const Progress& progress);
  GgufWriter(GgufWriter&&) = default;

  std::uint64_t total_bytes() const { return total_; }
  std::uint64_t kept_bytes() const { return kept_; }  // of tensors that an earlier run wrote
  bool has(std::size_t tensor) const { return whole_[tensor] != 0; }

  // One tensor that one thread writes in pieces. Borrows the writer.
  class Tensor {
   public:
    Status append(std::string_view bytes);
    // Every byte was appended: from now on a later run keeps them.
    Status end();

   private:
    friend class GgufWriter;
    Tensor(GgufWriter& writer, std::size_t number) : writer_(writer), number_(number) {}
    void start_writeback();

    GgufWriter& writer_;
    std::size_t number_;
    std::uint64_t written_ = 0, handed_over_ = 0;
    QuickHash digest_;
  };
  Tensor begin(std::size_t tensor);
  // Every tensor must be whole. Fills the blanks, syncs and renames.
  Status finish(const Metadata& metadata);

 private:
  GgufWriter(catalog::File part, catalog::File journal)
      : part_(std::move(part)), journal_(std::move(journal)) {}
  Status note_whole(std::size_t tensor, const std::string& digest);
  Status start_over(const std::string& header, const std::string& first_line);
  Status keep_what_is_whole(std::string_view lines, const Progress& progress);
  Result<std::string> digest_of(std::size_t tensor) const;

  std::string path_;
  catalog::File part_, journal_;
  std::vector<GgufOutput> tensors_;
  std::vector<std::uint64_t> offsets_;  // of each tensor in the file
  std::vector<std::uint8_t> whole_;     // bytes, not bits: neighbours belong to other threads
  std::uint64_t total_ = 0, kept_ = 0, journal_end_ = 0;
  std::size_t header_bytes_ = 0;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  // journal_, its end, whole_
};

}  // namespace xc::convert

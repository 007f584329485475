// The work of a conversion: tensors are read, encoded and written, and the source files are hashed,
// by several threads at once. A source is hashed shortly before its tensors are read, so that its
// bytes come from the disk once and from the page cache the other time. Processors without SHA
// instructions hash several files in one go instead, when all of them fit the page cache. Each
// thread keeps some hundred KiB of rows (16 MiB where a matrix is transposed).
//
// The first failure ends all threads and is what run() returns; whatever tensor was whole by then
// stays in the writer's journal. One run() an object; it blocks. Borrows everything it is given.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/checkpoint.h"
#include "convert/convert.h"
#include "convert/gguf_writer.h"
#include "convert/hf_config.h"
#include "convert/plan.h"
#include "convert/rows.h"

namespace xc::convert {

// What one tensor is written as: norms and routers stay f32, and rows that are no whole blocks of
// Q8_0 become f16, as llama.cpp's own tools do. Pure.
OutputType type_of(const PlannedTensor& tensor, OutputType wanted);

class Conversion {
 public:
  Conversion(const Checkpoint& checkpoint, const HfConfig& config, const ModelPlan& plan,
             const std::vector<GgufOutput>& outputs, GgufWriter& writer,
             const ConvertProgress& progress);

  // The SHA-256 of checkpoint.files(), in their order. threads: at least 1.
  Result<std::vector<std::string>> run(unsigned threads);

 private:
  struct Task {
    enum class Kind : std::uint8_t { Digest, DigestGroup, Tensor } kind;
    std::size_t index;  // of a file, of a group, of a tensor
  };
  // What one thread works with.
  struct Bench {
    RowReader reader;
    std::vector<float> floats;
    std::string bytes;
  };

  void lay_out_tasks(unsigned threads);
  bool group_files(unsigned threads);
  void serve();
  Status perform(const Task& task, Bench& bench);
  Status digest(std::size_t file);
  Status digest_group(const std::vector<std::size_t>& files);
  Status write(std::size_t tensor, Bench& bench);
  Status write_values(std::size_t tensor, GgufWriter::Tensor& out, Bench& bench);
  Status copy_rows(std::size_t tensor, GgufWriter::Tensor& out, Bench& bench);
  Status encode_rows(std::size_t tensor, GgufWriter::Tensor& out, Bench& bench);
  Status append(std::size_t tensor, GgufWriter::Tensor& out, const std::string& bytes);
  // Cancelled when somebody wants an end.
  Status advance(std::uint64_t bytes, const std::string& name);
  void stop(Error error);

  const Checkpoint& checkpoint_;
  const HfConfig& config_;
  const ModelPlan& plan_;
  const std::vector<GgufOutput>& outputs_;
  GgufWriter& writer_;
  const ConvertProgress& progress_;
  std::vector<Task> tasks_;
  std::vector<std::vector<std::size_t>> groups_;  // files that are hashed together
  std::vector<std::string> digests_;              // each written by one thread
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;  // guards what follows, and calls of progress_
  std::uint64_t done_ = 0, total_ = 0;
  std::optional<Error> error_;
};

}  // namespace xc::convert

// Reads rows of a planned tensor as f32, a few at a time: gathers, transposes, stacks experts and
// undoes FP8 as the plan says. Not thread-safe (it keeps a buffer); borrows the checkpoint.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "convert/checkpoint.h"
#include "convert/hf_config.h"
#include "convert/plan.h"

namespace xc::convert {

class RowReader {
 public:
  RowReader(const Checkpoint& checkpoint, const HfConfig& config)
      : checkpoint_(checkpoint), config_(config) {}

  // The sources were checked by plan_model. Cheap; call before read() of a tensor.
  void start(const PlannedTensor& tensor);
  // How many rows from `row` on may be read at once within `floats_max`; at least 1.
  std::uint64_t rows_at_once(std::uint64_t row, std::uint64_t floats_max) const;
  // Rows [row, row + count) into `out`, count × columns floats.
  void read(std::uint64_t row, std::uint64_t count, float* out);
  // Whether the sources hold `type` already and nothing is computed: then copy() may be used.
  bool copies(OutputType type) const;
  // As read(), the stored bytes.
  void copy(std::uint64_t row, std::uint64_t count, unsigned char* out) const;
  // The pages of the sources are not needed any more.
  void finish();

 private:
  struct Part {
    Checkpoint::Located at;
    const StoredTensor* scale = nullptr;  // FP8: a factor a block
    const WeightsFile* scale_file = nullptr;
    std::uint64_t columns = 1;
  };

  void gather(const Part& part, std::uint64_t row, std::uint64_t count, float* out);
  void transpose(const Part& part, std::uint64_t row, std::uint64_t count, float* out);
  // Columns [column, column + count) of one source row.
  void decode_segment(const Part& part, std::uint64_t row, std::uint64_t column,
                      std::uint64_t count, float* out) const;

  const Checkpoint& checkpoint_;
  const HfConfig& config_;
  const PlannedTensor* tensor_ = nullptr;
  std::vector<Part> parts_;
  std::uint64_t part_rows_ = 0;  // output rows of one part
  std::vector<float> segment_;
  std::vector<std::uint64_t> wanted_;
};

}  // namespace xc::convert

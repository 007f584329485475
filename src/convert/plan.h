// What a conversion will do, as data: every tensor of the GGUF file, where its rows come from, and
// the metadata. A plan is made from the fields of a config and the names and shapes of a
// checkpoint, before a weight is read; everything that can be refused is refused here.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "convert/checkpoint.h"
#include "convert/hf_config.h"

namespace xc::convert {

using MetadataValue =
    std::variant<std::uint32_t, float, bool, std::string, std::vector<std::string>,
                 std::vector<float>, std::vector<std::int32_t>>;
using Metadata = std::vector<std::pair<std::string, MetadataValue>>;

// Where an output row comes from. Rows are numbered over all leading dimensions; a one-dimensional
// tensor has rows of one element. Row r is row k = r % block_rows of block b = r / block_rows.
//   gather:     the source row     row_first + b·row_stride + turned(k)
//   transposed: the source column  col_first + b·col_stride + turned(k),
//               taken from the rows row_first + b·row_stride onwards, one for each output column
// turned(k) undoes the half-split rotary layout: in [turn_first, turn_first + turn_rows) the rows
// 2j and 2j+1 come from j and j + turn_rows/2; elsewhere turned(k) = k.
struct RowMap {
  bool transposed = false;
  std::uint64_t block_rows = 0;
  std::uint64_t row_first = 0, row_stride = 0;
  std::uint64_t col_first = 0, col_stride = 0;
  std::uint64_t turn_first = 0, turn_rows = 0;

  std::uint64_t turned(std::uint64_t k) const {
    if (k < turn_first || k - turn_first >= turn_rows) return k;
    const std::uint64_t within = k - turn_first;
    return turn_first + (within % 2) * (turn_rows / 2) + within / 2;
  }
};

struct PlannedTensor {
  std::string name;                  // in the GGUF file
  std::vector<std::uint64_t> shape;  // outermost first
  std::vector<std::string> sources;  // one, or one an expert: equal shares of the rows, in order
  RowMap map;
  float scale = 1.0f;
  bool full_precision = false;  // f32 whatever was asked for: norms, biases, routers
  std::vector<float> values;    // instead of sources: computed numbers

  std::uint64_t columns() const { return shape.size() < 2 ? 1 : shape.back(); }
  std::uint64_t rows() const;
};

struct ModelPlan {
  std::string family;        // "telechat2-moe", "deepseek" …: for people
  std::string architecture;  // general.architecture
  Metadata metadata;         // of the architecture; tokenizer and general keys come later
  std::vector<PlannedTensor> tensors;
  bool telechat = false;           // by its tensors' names or by model_type: whose licence counts
  std::vector<std::string> notes;  // what differs from the vendor's arithmetic, in English
};

struct PlanOptions {
  std::uint32_t context = 0;  // 0: as trained. TeleChat's NTK rule and the file's context follow it
  bool with_mtp = true;       // keep the multi-token-prediction layers
};

// Errors: BadCheckpoint {config.json or a shard, reason}, UnknownModel {reason}.
Result<ModelPlan> plan_model(const HfConfig& config, const Checkpoint& checkpoint,
                             const PlanOptions& options);

}  // namespace xc::convert

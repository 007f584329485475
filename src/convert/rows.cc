#include "convert/rows.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace xc::convert {

void RowReader::start(const PlannedTensor& tensor) {
  tensor_ = &tensor;
  parts_.clear();
  for (const std::string& name : tensor.sources) {
    const auto found = checkpoint_.find(name);
    XC_ASSERT(found.has_value());
    Part part{*found, nullptr, nullptr, 1};
    if (found->tensor->shape.size() > 1) part.columns = found->tensor->shape.back();
    if (found->tensor->type == Dtype::F8E4M3 || found->tensor->type == Dtype::F8E5M2) {
      const auto scale = checkpoint_.find(name + "_scale_inv");
      XC_ASSERT(scale.has_value());
      part.scale = scale->tensor;
      part.scale_file = scale->file;
    }
    parts_.push_back(part);
  }
  part_rows_ = parts_.empty() ? 0 : tensor.rows() / parts_.size();
}

std::uint64_t RowReader::rows_at_once(std::uint64_t row, std::uint64_t floats_max) const {
  const std::uint64_t columns = tensor_->columns();
  std::uint64_t limit = std::max<std::uint64_t>(1, floats_max / columns);
  limit = std::min(limit, part_rows_ - row % part_rows_);
  if (tensor_->map.transposed && tensor_->map.row_stride != 0) {
    // Blocks lie in different source rows: one at a time.
    limit = std::min(limit, tensor_->map.block_rows - row % tensor_->map.block_rows);
  }
  return limit;
}

void RowReader::read(std::uint64_t row, std::uint64_t count, float* out) {
  const Part& part = parts_[row / part_rows_];
  if (tensor_->map.transposed) {
    transpose(part, row % part_rows_, count, out);
  } else {
    gather(part, row % part_rows_, count, out);
  }
  if (tensor_->scale != 1.0f) {
    const std::uint64_t floats = count * tensor_->columns();
    for (std::uint64_t i = 0; i < floats; ++i) out[i] *= tensor_->scale;
  }
}

bool RowReader::copies(OutputType type) const {
  if (tensor_->map.transposed || tensor_->scale != 1.0f || parts_.empty()) return false;
  const auto holds_it = [type](const Part& part) {
    switch (part.at.tensor->type) {
      case Dtype::F32:
        return type == OutputType::F32;
      case Dtype::F16:
        return type == OutputType::F16;
      case Dtype::BF16:
        return type == OutputType::BF16;
      default:
        return false;
    }
  };
  return std::ranges::all_of(parts_, holds_it);
}

void RowReader::copy(std::uint64_t row, std::uint64_t count, unsigned char* out) const {
  const Part& part = parts_[row / part_rows_];
  const StoredTensor& tensor = *part.at.tensor;
  const RowMap& map = tensor_->map;
  const std::uint64_t bytes = part.columns * bytes_of(tensor.type);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = row % part_rows_ + i;
    const std::uint64_t block = at / map.block_rows, k = at % map.block_rows;
    const std::uint64_t source = map.row_first + block * map.row_stride + map.turned(k);
    XC_ASSERT((source + 1) * bytes <= tensor.end - tensor.begin);
    std::memcpy(out + i * bytes, part.at.file->data(tensor) + source * bytes, bytes);
  }
}

void RowReader::gather(const Part& part, std::uint64_t row, std::uint64_t count, float* out) {
  const RowMap& map = tensor_->map;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t block = (row + i) / map.block_rows, k = (row + i) % map.block_rows;
    const std::uint64_t source = map.row_first + block * map.row_stride + map.turned(k);
    decode_segment(part, source, 0, part.columns, out + i * part.columns);
  }
}

// Source rows are read once each, over the span of columns that are wanted, and spread out.
void RowReader::transpose(const Part& part, std::uint64_t row, std::uint64_t count, float* out) {
  const RowMap& map = tensor_->map;
  const std::uint64_t columns = tensor_->columns();
  const std::uint64_t first_row = map.row_first + row / map.block_rows * map.row_stride;
  wanted_.resize(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t block = (row + i) / map.block_rows, k = (row + i) % map.block_rows;
    wanted_[i] = map.col_first + block * map.col_stride + map.turned(k);
  }
  const auto [low, high] = std::ranges::minmax(wanted_);
  const std::uint64_t span = high - low + 1;
  // A tile of source rows at a time, so that writes to one output row are neighbours.
  constexpr std::uint64_t kTile = 16;
  segment_.resize(kTile * span);
  for (std::uint64_t c = 0; c < columns; c += kTile) {
    const std::uint64_t height = std::min(kTile, columns - c);
    for (std::uint64_t t = 0; t < height; ++t) {
      decode_segment(part, first_row + c + t, low, span, segment_.data() + t * span);
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      for (std::uint64_t t = 0; t < height; ++t) {
        out[i * columns + c + t] = segment_[t * span + wanted_[i] - low];
      }
    }
  }
}

void RowReader::decode_segment(const Part& part, std::uint64_t row, std::uint64_t column,
                               std::uint64_t count, float* out) const {
  const StoredTensor& tensor = *part.at.tensor;
  const std::size_t width = bytes_of(tensor.type);
  const std::uint64_t offset = (row * part.columns + column) * width;
  XC_ASSERT(offset + count * width <= tensor.end - tensor.begin);
  decode(tensor.type, part.at.file->data(tensor) + offset, count, out);
  if (part.scale == nullptr) return;
  const std::uint64_t block = config_.fp8_block_cols;
  const std::uint64_t scale_columns = part.scale->shape[1];
  const unsigned char* scales = part.scale_file->data(*part.scale) + row / config_.fp8_block_rows *
                                                                         scale_columns *
                                                                         bytes_of(part.scale->type);
  for (std::uint64_t i = 0; i < count;) {
    const std::uint64_t number = (column + i) / block;
    const std::uint64_t end = std::min(count, (number + 1) * block - column);
    float scale = 0;
    decode(part.scale->type, scales + number * bytes_of(part.scale->type), 1, &scale);
    for (; i < end; ++i) out[i] *= scale;
  }
}

void RowReader::finish() {
  for (const Part& part : parts_) part.at.file->forget(*part.at.tensor);
}

}  // namespace xc::convert

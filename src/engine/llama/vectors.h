// Embeddings and rerank scores: a second context on the same weights, made on first use.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "engine/llama/job.h"

namespace xc::engine::llama {

// To unit length; a zero vector stays zero.
void normalise(std::vector<float>& vector);

// Rows are packed into batches. Engine thread only, after construction.
class Vectors {
 public:
  explicit Vectors(const Model& model);
  // Tokens one row may have.
  int row_max() const;
  bool ready() const { return context_ != nullptr; }

  // Works on the job's rows; delivers its answer when all are done. One batch a call, so that
  // generations go on in between. False when the job is finished (or failed).
  bool step(VectorJob& job, Adapters& adapters);
  void forget() {
    done_.clear();
    next_row_ = 0;
  }

 private:
  Status open();
  Status encode(const std::vector<const std::vector<Token>*>& rows, bool rank);

  const Model& model_;
  ContextPtr context_;
  std::unique_ptr<Batch> batch_;
  std::vector<std::vector<float>> done_;  // of the job in work
  std::size_t next_row_ = 0;
};

}  // namespace xc::engine::llama

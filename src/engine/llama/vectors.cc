#include "engine/llama/vectors.h"

#include <algorithm>
#include <cmath>

#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

constexpr int kRowTokensMax = 2048;  // non-causal models must see a row in one micro-batch
constexpr int kRowsPerBatch = 64;

}  // namespace

void normalise(std::vector<float>& vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * x;
  const float scale = sum > 0 ? static_cast<float>(1.0 / std::sqrt(sum)) : 0.0F;
  for (float& x : vector) x *= scale;
}

Vectors::Vectors(const Model& model) : model_(model) {}

int Vectors::row_max() const { return std::min(kRowTokensMax, model_.facts().context); }

Status Vectors::open() {
  llama_context_params params = llama_context_default_params();
  params.n_batch = static_cast<std::uint32_t>(row_max());
  params.n_ubatch = params.n_batch;
  params.n_ctx = params.n_batch;
  params.n_seq_max = kRowsPerBatch;
  params.kv_unified = true;
  params.embeddings = true;
  params.no_perf = true;
  params.n_threads = model_.options().threads;
  params.n_threads_batch = model_.options().threads;
  context_.reset(llama_init_from_model(model_.get(), params));
  if (context_ != nullptr && llama_pooling_type(context_.get()) == LLAMA_POOLING_TYPE_NONE) {
    // A model that names no pooling: the mean of its token vectors.
    params.pooling_type = LLAMA_POOLING_TYPE_MEAN;
    context_.reset(llama_init_from_model(model_.get(), params));
  }
  if (context_ == nullptr) {
    return fail(Code::Unavailable, Message::ModelFailed,
                {model_.facts().name, last_error_logged()});
  }
  batch_ = std::make_unique<Batch>(row_max());
  return {};
}

Status Vectors::encode(const std::vector<const std::vector<Token>*>& rows, bool rank) {
  llama_memory_t memory = llama_get_memory(context_.get());
  if (memory != nullptr) llama_memory_clear(memory, true);
  batch_->clear();
  for (std::size_t r = 0; r < rows.size(); ++r) {
    int pos = 0;
    for (const Token token : *rows[r]) batch_->add(token, pos++, static_cast<int>(r), true);
  }
  if (llama_decode(context_.get(), batch_->raw()) != 0) {
    return fail_internal("embedding failed: " + last_error_logged());
  }
  const int width = rank ? 1 : model_.facts().embedding;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const float* values = llama_get_embeddings_seq(context_.get(), static_cast<int>(r));
    if (values == nullptr) return fail_internal("no embedding for a row");
    std::vector<float> vector(values, values + width);
    if (!rank) normalise(vector);
    done_.push_back(std::move(vector));
  }
  return {};
}

bool Vectors::step(VectorJob& job, Adapters& adapters) {
  if (job.queue->cancelled()) return false;
  Status status;
  if (context_ == nullptr) status = open();
  if (status) status = adapters.apply(context_.get(), job.adapter);
  std::vector<const std::vector<Token>*> rows;
  int tokens = 0;
  while (status && next_row_ < job.rows.size() && rows.size() < kRowsPerBatch) {
    const int size = static_cast<int>(job.rows[next_row_].size());
    if (tokens + size > row_max()) break;
    rows.push_back(&job.rows[next_row_++]);
    tokens += size;
  }
  if (status) status = encode(rows, job.rank);
  if (!status) {
    job.queue->push(std::unexpected(status.error()));
    return false;
  }
  if (next_row_ < job.rows.size()) return true;
  job.queue->push(std::move(done_));
  return false;
}

}  // namespace xc::engine::llama

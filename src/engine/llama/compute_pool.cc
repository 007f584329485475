#include "engine/llama/compute_pool.h"

#include <algorithm>

namespace xc::engine::llama {
namespace {

// In ggml's units of 131,072 pauses of the processor: some milliseconds, longer than sampling
// takes between two steps.
constexpr unsigned kSpin = 2;

template <class Function>
Function* function_named(const char* name) {
  ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(device);
  return reinterpret_cast<Function*>(ggml_backend_reg_get_proc_address(reg, name));
}

}  // namespace

ComputePool::ComputePool(int threads_max)
    : threads_max_(std::max(threads_max, 1)),
      make_(function_named<decltype(ggml_threadpool_new)>("ggml_threadpool_new")),
      free_(function_named<decltype(ggml_threadpool_free)>("ggml_threadpool_free")) {}

ComputePool::~ComputePool() {
  for (const auto& [size, pool] : pools_) free_(pool);
}

int ComputePool::size_for(int threads, int threads_max) {
  int size = threads_max;
  while (size > 1 && size / 2 >= threads) size /= 2;
  return size;
}

ggml_threadpool_t ComputePool::pool_of(int size) {
  if (size <= 1 || make_ == nullptr || free_ == nullptr) return nullptr;
  const auto known = pools_.find(size);
  if (known != pools_.end()) return known->second;
  ggml_threadpool_params params = ggml_threadpool_params_default(size);
  params.poll = kSpin;
  ggml_threadpool_t pool = make_(&params);
  if (pool != nullptr) pools_[size] = pool;
  return pool;
}

// The backend pauses the pool before when it computes with the next.
void ComputePool::use(llama_context* context, int threads) {
  threads = std::clamp(threads, 1, threads_max_);
  if (threads != llama_n_threads(context)) llama_set_n_threads(context, threads, threads);
  const int size = size_for(threads, threads_max_);
  if (size == size_) return;
  ggml_threadpool_t pool = pool_of(size);
  if (pool != nullptr) {
    llama_attach_threadpool(context, pool, pool);
  } else {
    llama_detach_threadpool(context);
  }
  size_ = size;
}

}  // namespace xc::engine::llama

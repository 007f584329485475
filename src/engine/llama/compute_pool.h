// The compute threads of a context, kept from step to step. ggml's threads spin between two steps,
// also those of a pool that a step does not use, so a step has a pool hardly larger than it needs,
// and a step of one thread has none: a busy neighbour keeps the core that was left to it.
// Engine thread only.
#pragma once

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <llama.h>

#include <map>

namespace xc::engine::llama {

class ComputePool {
 public:
  // threads_max: what the configuration allows. Threads start when they are first used.
  explicit ComputePool(int threads_max);
  // The context must not compute any more.
  ~ComputePool();
  ComputePool(const ComputePool&) = delete;
  ComputePool& operator=(const ComputePool&) = delete;

  // The context's next steps use so many threads, the caller's among them.
  void use(llama_context* context, int threads);

  // Of the pools, which halve from threads_max on, the smallest that has enough.
  static int size_for(int threads, int threads_max);

 private:
  ggml_threadpool_t pool_of(int size);

  int threads_max_;
  decltype(ggml_threadpool_new)* make_ = nullptr;
  decltype(ggml_threadpool_free)* free_ = nullptr;
  std::map<int, ggml_threadpool_t> pools_;  // by size; those not in use sleep
  int size_ = 0;                            // of the one in use; 1: none
};

}  // namespace xc::engine::llama

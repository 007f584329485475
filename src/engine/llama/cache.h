// The KV cache of a llama context as the sequence pool sees it.
#pragma once

#include <llama.h>

#include "engine/llama/engine_thread.h"

namespace xc::engine::llama {

struct EngineThread::Cache final : CacheMemory {
  explicit Cache(llama_context* context) : memory(llama_get_memory(context)) {}
  void share(int src, int dst, int end) override { llama_memory_seq_cp(memory, src, dst, 0, end); }
  bool drop(int seq, int from) override {
    return llama_memory_seq_rm(memory, seq, from == 0 ? -1 : from, -1);
  }
  llama_memory_t memory;
};

}  // namespace xc::engine::llama

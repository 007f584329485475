// The KV cache of a llama context as the sequence pool and the chunk shelf see it. Engine thread
// only.
#pragma once

#include "engine/chunks/checkpoint_shelf.h"
#include "engine/chunks/chunk_shelf.h"
#include "engine/llama/handles.h"

namespace xc::engine::llama {

class Cache final : public CacheMemory, public KvCopier, public StateCopier {
 public:
  // scratch: a sequence id that nobody else uses; ranges are copied through it.
  Cache(llama_context* context, int scratch)
      : context_(context), memory_(llama_get_memory(context)), scratch_(scratch) {}

  void share(int src, int dst, int end) override;
  bool drop(int seq, int from) override;
  KvBytes copy_out(int seq, int from, int to) override;
  bool copy_in(int seq, Bytes bytes, int begin, int from, int to) override;
  KvBytes copy_state(int seq) override;
  bool restore_state(int seq, std::span<const std::byte> state) override;

 private:
  llama_context* context_;
  llama_memory_t memory_;
  int scratch_;
};

}  // namespace xc::engine::llama

// Puts the attention kernel before ggml's (linker: --wrap). What it does not do goes on to the
// original: other cache types, biases by distance, soft caps, sinks, several streams.
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "engine/llama/kernels/attention.h"
#include "engine/llama/kernels/cache_order.h"
#include "engine/llama/kernels/plain_attention.h"
#include "engine/llama/kernels/switch.h"
#include "ggml-cpu-impl.h"
#include "ggml.h"

namespace k = xc::kernels;

namespace {

bool is_ours(const ggml_tensor* out) {
  const ggml_tensor* q = out->src[0];
  const ggml_tensor* keys = out->src[1];
  const ggml_tensor* values = out->src[2];
  const ggml_tensor* mask = out->src[3];
  float parameters[3];  // scale, bias by distance, soft cap
  std::memcpy(parameters, out->op_params, sizeof parameters);
  const auto dense = [](const ggml_tensor* t) { return t->nb[0] == ggml_type_size(t->type); };
  return k::attention_available() && parameters[1] == 0 && parameters[2] == 0 &&
         out->src[4] == nullptr && q->type == GGML_TYPE_F32 && keys->type == GGML_TYPE_F16 &&
         values->type == GGML_TYPE_F16 && dense(q) && dense(keys) && dense(values) &&
         q->ne[3] == 1 && keys->ne[3] == 1 && keys->ne[0] % 64 == 0 && values->ne[0] % 64 == 0 &&
         keys->ne[2] == values->ne[2] && q->ne[2] % keys->ne[2] == 0 &&
         (mask == nullptr ||
          (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && mask->ne[3] == 1)) &&
         ggml_is_contiguous(out);
}

// Caches whose engine says how their cells are ordered, by where a layer's K begins.
class Orders {
 public:
  void set(const void* keys, k::PositionsOf of, void* cache) {
    const std::lock_guard lock(mutex_);
    if (of == nullptr) {
      known_.erase(keys);
    } else {
      known_[keys] = {of, cache, nullptr};
    }
  }
  void look_up(const void* keys, std::int64_t cells) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(keys);
    if (found == known_.end()) return;
    found->second.positions = found->second.of(found->second.cache, cells);
  }
  // What was looked up last for this layer.
  const std::int32_t* positions(const void* keys) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(keys);
    return found == known_.end() ? nullptr : found->second.positions;
  }

 private:
  struct Known {
    k::PositionsOf of;
    void* cache;
    const std::int32_t* positions;
  };
  std::mutex mutex_;
  std::unordered_map<const void*, Known> known_;
};
Orders orders;

k::Attention attention_of(ggml_tensor* out) {
  const ggml_tensor* q = out->src[0];
  const ggml_tensor* keys = out->src[1];
  const ggml_tensor* values = out->src[2];
  const ggml_tensor* mask = out->src[3];
  k::Attention a{};
  a.rows = q->ne[1];
  a.heads = q->ne[2];
  a.kv_heads = keys->ne[2];
  a.cells = keys->ne[1];
  a.dk = keys->ne[0];
  a.dv = values->ne[0];
  a.q = static_cast<const char*>(q->data);
  a.q_row = q->nb[1];
  a.q_head = q->nb[2];
  a.k = static_cast<const char*>(keys->data);
  a.k_cell = keys->nb[1];
  a.k_head = keys->nb[2];
  a.v = static_cast<const char*>(values->data);
  a.v_cell = values->nb[1];
  a.v_head = values->nb[2];
  if (mask != nullptr) {
    a.mask = static_cast<const char*>(mask->data);
    a.mask_row = mask->nb[1];
  }
  std::memcpy(&a.scale, out->op_params, sizeof a.scale);
  a.out = static_cast<float*>(out->data);
  return a;
}

}  // namespace

extern "C" {

void __real_ggml_compute_forward_flash_attn_ext(const ggml_compute_params*, ggml_tensor*);

void __wrap_ggml_compute_forward_flash_attn_ext(const ggml_compute_params* params,
                                                ggml_tensor* out) {
  const bool plainly = k::switched_off && k::attention_own_order();
  if (params->use_ref || (k::switched_off && !plainly) || !is_ours(out)) {
    return __real_ggml_compute_forward_flash_attn_ext(params, out);
  }
  k::Attention attention = attention_of(out);
  if (params->ith == 0) {
    orders.look_up(attention.k, attention.cells);
    ggml_threadpool_chunk_set(params->threadpool, params->nth);
  }
  ggml_barrier(params->threadpool);
  attention.positions = orders.positions(attention.k);
  if (plainly) {
    for (std::int64_t job = params->ith; job < attention.rows * attention.heads;
         job += params->nth) {
      k::attend_plainly(attention, job / attention.heads, job % attention.heads);
    }
    return;
  }
  k::AttentionRunner runner(attention, params->nth);
  std::int64_t job = params->ith;
  while (job < runner.jobs()) {
    runner.run(job);
    job = ggml_threadpool_chunk_add(params->threadpool, 1);
  }
}

// k::OrderCache.
__attribute__((visibility("default"))) void xc_order_cache(const void* keys, k::PositionsOf of,
                                                           void* cache) {
  orders.set(keys, of, cache);
}

// For the test.
__attribute__((visibility("default"))) bool xc_attention_available() {
  return k::attention_available();
}

// For the test: whether all rows are summed up in the kernel's own way.
__attribute__((visibility("default"))) bool xc_attends_in_own_order() {
  return k::attention_own_order();
}

// For the test: all jobs on the calling thread, cut as for so many threads.
__attribute__((visibility("default"))) bool xc_attend(const k::Attention* attention, int threads) {
  if (!k::attention_available()) return false;
  k::AttentionRunner runner(*attention, threads);
  for (std::int64_t job = 0; job < runner.jobs(); ++job) runner.run(job);
  return true;
}
}

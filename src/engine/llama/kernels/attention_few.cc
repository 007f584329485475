// Rows that see few cells, as ggml computes them on one thread: the same operations of the same
// functions in the same order, so that short conversations have llama.cpp's own bits.
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/llama/kernels/attention.h"
#include "ggml-cpu.h"
#include "vec.h"

namespace xc::kernels {

void attend_few(const Attention& a, std::int64_t row, std::int64_t head, const std::int32_t* cells,
                const float* adds, std::int64_t count) {
  thread_local std::vector<ggml_fp16_t> q;
  thread_local std::vector<ggml_fp16_t> gathered;
  q.resize(static_cast<std::size_t>(a.dk));
  gathered.assign(static_cast<std::size_t>(a.dv), 0);
  ggml_cpu_fp32_to_fp16(reinterpret_cast<const float*>(a.q + row * a.q_row + head * a.q_head),
                        q.data(), a.dk);
  const std::int64_t kv_head = head / (a.heads / a.kv_heads);
  const int dk = static_cast<int>(a.dk);
  const int dv = static_cast<int>(a.dv);
  float sum = 0;
  float most = -INFINITY;
  for (std::int64_t at = 0; at < count; ++at) {
    const auto* k =
        reinterpret_cast<const ggml_fp16_t*>(a.k + cells[at] * a.k_cell + kv_head * a.k_head);
    const auto* v =
        reinterpret_cast<const ggml_fp16_t*>(a.v + cells[at] * a.v_cell + kv_head * a.v_head);
    float score = 0;
    ggml_vec_dot_f16(dk, &score, 0, const_cast<ggml_fp16_t*>(k), 0, q.data(), 0, 1);
    score = score * a.scale;
    score += adds[at];
    float fade = 1;
    float weight = 1;
    if (score > most) {
      fade = expf(most - score);
      most = score;
      ggml_vec_scale_f16(dv, gathered.data(), fade);
    } else {
      weight = expf(score - most);
    }
    ggml_vec_mad_f16(dv, gathered.data(), v, weight);
    sum = sum * fade + weight;
  }
  float* out = a.out + (row * a.heads + head) * a.dv;
  ggml_cpu_fp16_to_fp32(gathered.data(), out, a.dv);
  ggml_vec_scale_f32(dv, out, sum == 0 ? 0 : 1 / sum);
}

}  // namespace xc::kernels

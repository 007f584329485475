// Puts the kernels before llamafile_sgemm of ggml's CPU variants (linker: --wrap): the one place
// where ggml hands a whole matrix product to somebody else. What is not ours goes on to the
// original.
#include <optional>

#include "engine/llama/kernels/min_gemm.h"
#include "engine/llama/kernels/plain_product.h"
#include "engine/llama/kernels/switch.h"
#include "ggml-cpu-impl.h"
#include "ggml.h"

namespace k = xc::kernels;

namespace {

// For one column of Q8_0 ggml's own dot products are as good, where they have the same bits.
std::optional<k::Format> ours(std::int64_t columns, int a, int b, int c) {
  if (!k::available() || c != GGML_TYPE_F32) return std::nullopt;
  if (k::switched_off && !k::own_order()) return std::nullopt;
  if (a == GGML_TYPE_Q4_1 && b == GGML_TYPE_Q8_1) return k::Format::Q4_1;
  if (a == GGML_TYPE_Q5_1 && b == GGML_TYPE_Q8_1) return k::Format::Q5_1;
  if (a == GGML_TYPE_Q8_0 && b == GGML_TYPE_Q8_0 && (columns > 1 || k::own_order())) {
    return k::Format::Q8_0;
  }
  return std::nullopt;
}

// All threads of the pool come here with the same product, as they do to the original.
void multiply(const ggml_compute_params* params, const k::Product& product) {
  const k::Jobs jobs = k::jobs_of(product, params->nth);
  if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
  ggml_barrier(params->threadpool);
  k::Runner runner(product, jobs);
  std::int64_t job = params->ith;
  while (job < jobs.count()) {
    runner.run(job);
    job = ggml_threadpool_chunk_add(params->threadpool, 1);
  }
  ggml_barrier(params->threadpool);
}

}  // namespace

extern "C" {

bool __real_llamafile_sgemm(const ggml_compute_params*, std::int64_t, std::int64_t, std::int64_t,
                            const void*, std::int64_t, const void*, std::int64_t, void*,
                            std::int64_t, int, int, int);

// m, n: rows of A, columns of B; blocks: of a row. lda, ldb in blocks, ldc in floats.
bool __wrap_llamafile_sgemm(const ggml_compute_params* params, std::int64_t m, std::int64_t n,
                            std::int64_t blocks, const void* a, std::int64_t lda, const void* b,
                            std::int64_t ldb, void* c, std::int64_t ldc, int a_type, int b_type,
                            int c_type) {
  const std::optional<k::Format> format = ours(n, a_type, b_type, c_type);
  if (params->use_ref || !format) {
    return __real_llamafile_sgemm(params, m, n, blocks, a, lda, b, ldb, c, ldc, a_type, b_type,
                                  c_type);
  }
  const k::Product product{*format, m, n, blocks, a, lda, b, ldb, static_cast<float*>(c), ldc};
  if (k::switched_off) {  // ggml has other bits than our order
    k::multiply_plainly(product, m * params->ith / params->nth,
                        m * (params->ith + 1) / params->nth);
  } else {
    multiply(params, product);
  }
  return true;
}

__attribute__((visibility("default"))) void xc_switch_kernels_off() { k::switched_off = true; }

// For the test: whether sums are ordered in the kernels' own way.
__attribute__((visibility("default"))) bool xc_multiplies_in_own_order() { return k::own_order(); }

// For the test: the whole product on the calling thread. format: of k::Format.
__attribute__((visibility("default"))) bool xc_multiply(int format, std::int64_t m, std::int64_t n,
                                                        std::int64_t blocks, const void* a,
                                                        const void* b, float* c) {
  if (!k::available()) return false;
  const k::Product product{
      static_cast<k::Format>(format), m, n, blocks, a, blocks, b, blocks, c, m};
  const k::Jobs jobs = k::jobs_of(product, 2);
  k::Runner runner(product, jobs);
  for (std::int64_t job = 0; job < jobs.count(); ++job) runner.run(job);
  return true;
}
}

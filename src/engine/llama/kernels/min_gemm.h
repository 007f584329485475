// Matrix products of ggml's formats Q4_1, Q5_1 and Q8_0 for x86, by tiles of rows and columns.
//
// Every number comes out with the same bits whatever the shape of the product, so an answer does
// not depend on how many rows a step has. With AVX-512 they are those of ggml_vec_dot_q4_1_q8_1
// (q5_1_q8_1, q8_0_q8_0): the same eight partial sums, added in the same order. With AVX2 the
// order is our own (tile_avx2.h): twice as fast, since a block is summed before it is scaled.
//
// Compiled into each CPU variant of the model library with that variant's flags
// (cmake/ggml_kernels.cmake); empty where the variant has no AVX2.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xc::kernels {

enum class Format { Q4_1, Q5_1, Q8_0 };

// C = A·B. A: m rows of the format; B: n columns of Q8_1 (Q8_0 for Q8_0, and without an order of
// our own two or more); C: n columns of m floats. blocks: 32 values each, of a row of A and a
// column of B. lda, ldb: blocks from a row (column) to the next; ldc: floats from a column of C to
// the next.
struct Product {
  Format format;
  std::int64_t m, n, blocks;
  const void* a;
  std::int64_t lda;
  const void* b;
  std::int64_t ldb;
  float* c;
  std::int64_t ldc;
};

// Whether this variant has the kernel. Else nothing below may be called.
bool available();
// How its sums are ordered. True: its own way, so every product must come here, also of one
// column. False: as ggml's dot products.
bool own_order();

// How a product is cut into jobs, each of some columns (a band) and some rows. Jobs of one band
// follow each other, so a thread that takes jobs in rising order packs a band's columns once.
struct Jobs {
  std::int64_t band_columns, chunk_rows, bands, chunks;
  std::int64_t count() const { return bands * chunks; }
};
Jobs jobs_of(const Product& product, int threads);

// One job; jobs may run at once on several threads, which write different numbers of C. Memory: a
// buffer per thread, below 1 MiB for rows up to 16,384 values, kept until the thread ends.
class Runner {
 public:
  explicit Runner(const Product& product, const Jobs& jobs) : product_(product), jobs_(jobs) {}
  void run(std::int64_t job);

 private:
  template <class Block>
  void run_band(std::int64_t band, std::int64_t begin, std::int64_t end);

  const Product& product_;
  const Jobs& jobs_;
  std::int64_t packed_band_ = -1;
};

}  // namespace xc::kernels

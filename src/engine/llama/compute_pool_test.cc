#include "engine/llama/compute_pool.h"

#include <gtest/gtest.h>

namespace xc::engine::llama {
namespace {

TEST(ComputePool, is_the_smallest_half_that_has_enough) {
  EXPECT_EQ(ComputePool::size_for(2, 2), 2);
  EXPECT_EQ(ComputePool::size_for(1, 2), 1);
  for (int max = 1; max <= 96; ++max) {
    EXPECT_EQ(ComputePool::size_for(max, max), max);
    EXPECT_EQ(ComputePool::size_for(1, max), 1) << max;
    for (int threads = 1; threads <= max; ++threads) {
      const int size = ComputePool::size_for(threads, max);
      EXPECT_GE(size, threads);
      EXPECT_LE(size, 2 * threads + 1) << "threads that only spin";
    }
  }
}

}  // namespace
}  // namespace xc::engine::llama

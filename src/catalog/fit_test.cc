#include "catalog/fit.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/test_folder.h"

namespace xc::catalog {
namespace {

// SmolLM2-135M: 30 layers, 3 KV heads of 64.
GgufFacts smollm2() {
  GgufFacts facts;
  facts.tensor_bytes = 96'576'768;
  facts.vocabulary = 49'152;
  facts.embedding = 576;
  facts.layers = 30;
  facts.heads = 9;
  facts.heads_kv.assign(30, 3);
  facts.head_dim_k = facts.head_dim_v = 64;
  return facts;
}

constexpr std::uint64_t kMebibyte = 1u << 20;

TEST(Fit, grouped_query_attention) {
  EXPECT_EQ(kv_bytes_per_token(smollm2(), "f16"), 30u * 3 * (64 + 64) * 2);
  EXPECT_EQ(kv_bytes_per_token(smollm2(), "f32"), 30u * 3 * (64 + 64) * 4);
  EXPECT_EQ(kv_bytes_per_token(smollm2(), "q8_0"), 30u * 2 * (192 / 32 * 34));
  EXPECT_EQ(kv_bytes_per_token(smollm2(), "q4_0"), 30u * 2 * (192 / 32 * 18));
  EXPECT_EQ(kv_bytes_per_token(smollm2(), "nonsense"), kv_bytes_per_token(smollm2(), "f16"));
}

TEST(Fit, latent_attention_and_layers_without_a_cache) {
  GgufFacts facts;
  facts.heads_kv.assign(61, 1);
  facts.kv_lora_rank = 512;
  facts.rope_dim = 64;
  facts.head_dim_k = 576;
  EXPECT_EQ(kv_bytes_per_token(facts, "f16"), 61u * 576 * 2);
  GgufFacts hybrid = smollm2();
  for (std::size_t i = 0; i < 20; ++i) hybrid.heads_kv[i] = 0;
  EXPECT_EQ(kv_bytes_per_token(hybrid, "f16"), 10u * 3 * 128 * 2);
  hybrid.recurrent = true;
  EXPECT_EQ(kv_bytes_per_token(hybrid, "f16"), 0u);
}

// Against what libllama of the pinned source reserved (CPU backend, measured): 45 MiB of cache,
// 98–103 MiB of graph buffers at 512, 410 MiB at 2,048.
TEST(Fit, agrees_with_what_libllama_reserves) {
  const Need need = need_of(smollm2(), 2'048, "f16", 512, 0);
  EXPECT_EQ(need.kv_bytes, 45 * kMebibyte);
  EXPECT_GE(need.compute_bytes, 102 * kMebibyte);
  EXPECT_LE(need.compute_bytes, 105 * kMebibyte);
  const Need large = need_of(smollm2(), 2'048, "f16", 2'048, 0);
  EXPECT_GE(large.compute_bytes, 410 * kMebibyte);
  EXPECT_LE(large.compute_bytes, 420 * kMebibyte);
  EXPECT_EQ(need.total(),
            need.weights_bytes + need.kv_bytes + need.compute_bytes + need.process_bytes);
}

TEST(Fit, cells_round_up_and_projectors_count) {
  EXPECT_EQ(need_of(smollm2(), 1, "f16", 512, 0).kv_bytes, 256u * 23'040);
  EXPECT_EQ(need_of(smollm2(), 1, "f16", 512, 1000).weights_bytes, 96'577'768u);
}

TEST(Fit, hostile_sizes_saturate) {
  GgufFacts facts = smollm2();
  facts.heads_kv.assign(4'096, UINT32_MAX);
  facts.head_dim_k = facts.head_dim_v = UINT32_MAX;
  EXPECT_EQ(need_of(facts, UINT64_MAX, "f16", 512, 0).total(), UINT64_MAX);
}

class MemoryTest : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root_ + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  void SetUp() override {
    put("/proc/meminfo", "MemTotal:  1048576 kB\nMemFree: 1 kB\nMemAvailable:  524288 kB\n");
  }
  const TestFolder folder_;
  const std::string& root_ = folder_.root();
};

TEST_F(MemoryTest, without_a_limit_it_is_the_machine) {
  put("/proc/self/cgroup", "0::/\n");
  put("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(memory_at(root_).total_bytes, 1024 * kMebibyte);
  EXPECT_EQ(memory_at(root_).available_bytes, 512 * kMebibyte);
}

TEST_F(MemoryTest, the_tightest_group_above_counts) {
  put("/proc/self/cgroup", "0::/a/b\n");
  put("/sys/fs/cgroup/a/memory.max", "104857600\n");
  put("/sys/fs/cgroup/a/memory.current", "62914560\n");
  put("/sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 10485760\n");
  put("/sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(memory_at(root_).total_bytes, 100 * kMebibyte);
  EXPECT_EQ(memory_at(root_).available_bytes, 50 * kMebibyte);
}

TEST_F(MemoryTest, version_1_groups) {
  put("/proc/self/cgroup", "9:cpu,cpuacct:/x\n8:memory:/docker/1\n");
  put("/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "104857600\n");
  put("/sys/fs/cgroup/memory/docker/1/memory.usage_in_bytes", "209715200\n");
  EXPECT_EQ(memory_at(root_).available_bytes, 0u);
}

TEST(Memory, here_is_something) {
  const Memory memory = memory_here();
  EXPECT_GT(memory.total_bytes, 64 * kMebibyte);
  EXPECT_LE(memory.available_bytes, memory.total_bytes);
}

}  // namespace
}  // namespace xc::catalog

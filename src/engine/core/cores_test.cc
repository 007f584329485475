#include "engine/core/cores.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace xc::engine {
namespace {

class CoresTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root_ + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  std::string root_ = testing::TempDir() + "xc_cores";
};

TEST_F(CoresTest, without_a_quota_those_it_is_bound_to) {
  EXPECT_EQ(cores_granted_at(root_, 6), 6);
  put("/proc/self/cgroup", "0::/\n");
  put("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(cores_granted_at(root_, 6), 6);
}

TEST_F(CoresTest, the_tightest_quota_above_counts) {
  put("/proc/self/cgroup", "0::/pod/box\n");
  put("/sys/fs/cgroup/pod/cpu.max", "250000 100000\n");
  put("/sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
  EXPECT_EQ(cores_granted_at(root_, 16), 2);
  EXPECT_EQ(cores_granted_at(root_, 1), 1);
  put("/sys/fs/cgroup/pod/box/cpu.max", "50000 100000\n");
  EXPECT_EQ(cores_granted_at(root_, 16), 1);  // half of a core is one thread
}

TEST_F(CoresTest, version_1_groups) {
  put("/proc/self/cgroup", "8:memory:/other\n9:cpu,cpuacct:/docker/1\n");
  put("/sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "300000\n");
  put("/sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores_granted_at(root_, 16), 3);
  put("/sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(cores_granted_at(root_, 16), 16);
}

TEST(Cores, here_is_one_at_least) { EXPECT_GE(cores_granted(), 1); }

}  // namespace
}  // namespace xc::engine

#include "fleet/worker_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "base/test_folder.h"

namespace xc::fleet {
namespace {

class WorkerLogTest : public testing::Test {
 protected:
  void append(const std::string& text) {
    std::ofstream(path_, std::ios::app | std::ios::binary) << text;
  }
  TestFolder folder_;
  const std::string path_ = folder_.path("x.log");
};

TEST(WorkerLogText, the_last_fatal_line_counts_and_only_at_a_lines_start) {
  EXPECT_EQ(last_fatal_line("a\nfatal: one\nfatal: two\nb\n"), "two");
  EXPECT_EQ(last_fatal_line("fatal: only"), "only");
  EXPECT_EQ(last_fatal_line("fatal: yes\nnot fatal: no"), "yes");
  EXPECT_EQ(last_fatal_line("not fatal: no"), "");
  EXPECT_EQ(last_fatal_line(""), "");
  EXPECT_EQ(last_fatal_line("fatal: \n"), "");
}

TEST(WorkerLogText, a_reason_is_one_bounded_line_of_valid_utf8) {
  EXPECT_EQ(printable("模型太大。"), "模型太大。");
  EXPECT_EQ(printable("a\tb\x1b[1m."), "a b [1m");
  EXPECT_EQ(printable("\xff\xc0\x80 \xed\xa0\x80 \xe6\x98"), "??? ??? ??");
  const std::string long_text = printable(std::string(limits::kReasonBytesMax - 1, 'x') + "星星");
  EXPECT_EQ(long_text, std::string(limits::kReasonBytesMax - 1, 'x'));
}

TEST(WorkerLogText, file_names_are_plain_and_do_not_collide) {
  EXPECT_EQ(log_file_name("qwen2.5-1.5b"), "qwen2.5-1.5b.log");
  EXPECT_EQ(log_file_name("../../etc/passwd").find('/'), std::string::npos);
  EXPECT_NE(log_file_name("a/b"), log_file_name("a b"));
  EXPECT_NE(log_file_name(""), log_file_name("."));
  EXPECT_NE(log_file_name(std::string(200, 'x')), log_file_name(std::string(201, 'x')));
  EXPECT_LT(log_file_name(std::string(5'000, '/')).size(), 200u);
}

TEST_F(WorkerLogTest, only_lines_of_this_life_are_searched) {
  append("fatal: of an earlier life\n");
  const auto opened = open_log(path_);
  ASSERT_TRUE(opened);
  ::close(opened->fd);
  EXPECT_EQ(fatal_reason(path_, opened->start), "");
  append("noise\nfatal: of this life\n");
  EXPECT_EQ(fatal_reason(path_, opened->start), "of this life");
  EXPECT_EQ(fatal_reason(path_, 1'000'000), "of this life");  // emptied and shorter now
  EXPECT_EQ(fatal_reason(folder_.path("absent"), 0), "");
  append(std::string(limits::kWorkerLogTailBytes, 'x'));
  EXPECT_EQ(fatal_reason(path_, opened->start), "");
}

TEST_F(WorkerLogTest, a_log_over_its_bound_moves_aside) {
  append(std::string(limits::kWorkerLogBytesMax + 1, 'x'));
  const auto opened = open_log(path_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->start, 0u);
  EXPECT_EQ(std::filesystem::file_size(path_ + ".1"), limits::kWorkerLogBytesMax + 1);
  struct stat facts{};
  ASSERT_EQ(::fstat(opened->fd, &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);

  const std::string flood(limits::kWorkerLogBytesMax + 5, 'y');
  ASSERT_EQ(::write(opened->fd, flood.data(), flood.size()), static_cast<ssize_t>(flood.size()));
  bound_log(path_);
  EXPECT_EQ(std::filesystem::file_size(path_ + ".1"), flood.size());
  ASSERT_EQ(::write(opened->fd, "z", 1), 1);  // the worker goes on with the same descriptor
  EXPECT_EQ(std::filesystem::file_size(path_), 1u);
  bound_log(path_);
  EXPECT_EQ(std::filesystem::file_size(path_), 1u);
  ::close(opened->fd);
}

TEST_F(WorkerLogTest, folders_are_private_even_if_they_were_not) {
  const std::string folder = folder_.path("a/b");
  EXPECT_TRUE(make_private_folder(folder));
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  EXPECT_TRUE(make_private_folder(folder));
  struct stat facts{};
  ASSERT_EQ(::stat(folder.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
  append("a file");
  EXPECT_FALSE(make_private_folder(path_ + "/x"));
  EXPECT_FALSE(open_log(folder_.path("absent/x.log")));
}

}  // namespace
}  // namespace xc::fleet

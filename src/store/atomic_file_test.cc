#include "store/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <iterator>

#include "base/test_folder.h"

namespace xc::store {
namespace {

std::ptrdiff_t files_in(const std::string& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

TEST(AtomicFile, writes_replaces_and_reads_with_the_mode_asked_for) {
  const TestFolder folder;
  const std::string path = folder.path("credentials.toml");
  const mode_t before = ::umask(0);
  EXPECT_TRUE(write_atomically(path, "one", 0600));
  ::umask(0077);
  EXPECT_TRUE(write_atomically(folder.path("public"), "x", 0644));
  ::umask(before);
  struct stat facts{};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(folder.path("public").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0644u);
  EXPECT_TRUE(write_atomically(path, "", 0600));
  EXPECT_EQ(*read_bounded(path, 0), "");
  EXPECT_EQ(files_in(folder.path("")), 2);  // nothing left aside
}

TEST(AtomicFile, a_link_is_replaced_and_its_target_untouched) {
  const TestFolder folder;
  ASSERT_TRUE(write_atomically(folder.path("target"), "old", 0600));
  std::filesystem::create_symlink(folder.path("target"), folder.path("link"));
  EXPECT_TRUE(write_atomically(folder.path("link"), "new", 0600));
  EXPECT_EQ(*read_bounded(folder.path("target"), 10), "old");
  EXPECT_EQ(*read_bounded(folder.path("link"), 10), "new");
}

TEST(AtomicFile, a_failure_leaves_nothing_behind) {
  const TestFolder folder;
  std::filesystem::create_directory(folder.path("is_a_folder"));
  const Status failed = write_atomically(folder.path("is_a_folder"), "x", 0600);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, Message::FileError);
  EXPECT_EQ(files_in(folder.path("")), 1);
  EXPECT_FALSE(write_atomically(folder.path("absent/x"), "x", 0600));
}

TEST(AtomicFile, reading_is_bounded_and_absence_is_its_own_answer) {
  const TestFolder folder;
  ASSERT_TRUE(write_atomically(folder.path("x"), std::string(100'000, 'x'), 0600));
  EXPECT_EQ(read_bounded(folder.path("x"), 100'000)->size(), 100'000u);
  EXPECT_EQ(read_bounded(folder.path("x"), 99'999).error().message, Message::FileError);
  EXPECT_EQ(read_bounded(folder.path("y"), 10).error().message, Message::FileMissing);
  EXPECT_EQ(read_bounded(folder.path(""), 10).error().message, Message::FileError);
}

}  // namespace
}  // namespace xc::store

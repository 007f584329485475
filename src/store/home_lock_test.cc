#include "store/home_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test_folder.h"
#include "store/atomic_file.h"

namespace xc::store {
namespace {

// A child that takes the lock, says so through a pipe and waits to be killed.
struct Holder {
  pid_t pid = -1;
  bool took = false;
  explicit Holder(const std::string& path) {
    int ends[2];
    XC_ASSERT(::pipe2(ends, O_CLOEXEC) == 0);
    pid = ::fork();
    if (pid == 0) {
      const auto lock = HomeLock::take(path);
      const char answer = lock ? 'y' : 'n';
      if (::write(ends[1], &answer, 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char answer = 'n';
    took = ::read(ends[0], &answer, 1) == 1 && answer == 'y';
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Holder() { end(); }
  void end() {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    pid = -1;
  }
};

TEST(HomeLock, another_living_process_is_named_and_a_killed_one_forgotten) {
  const TestFolder folder;
  const std::string path = folder.path("lock");
  Holder holder(path);
  ASSERT_TRUE(holder.took);
  const auto refused = HomeLock::take(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::HomeLocked);
  EXPECT_EQ(refused.error().args, (std::vector<std::string>{path, std::to_string(holder.pid)}));
  holder.end();
  EXPECT_TRUE(HomeLock::take(path));
}

TEST(HomeLock, names_this_process_and_ends_with_its_owner) {
  const TestFolder folder;
  const std::string path = folder.path("lock");
  {
    auto first = HomeLock::take(path);
    ASSERT_TRUE(first);
    const HomeLock moved = std::move(*first);
    EXPECT_EQ(*read_bounded(path, 100), std::to_string(::getpid()) + "\n");
    EXPECT_FALSE(HomeLock::take(path));
  }
  EXPECT_TRUE(HomeLock::take(path));
}

TEST(HomeLock, a_missing_folder_is_a_file_error) {
  const TestFolder folder;
  const auto refused = HomeLock::take(folder.path("absent/lock"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::FileError);
}

}  // namespace
}  // namespace xc::store

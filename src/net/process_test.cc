#include "net/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "net/hop.h"
#include "net/net_test.h"

namespace xc::net {
namespace {

// Runs a shell script as a child of thread 0 and gives its status and what it wrote.
class ProcessTest : public testing::Test {
 protected:
  ~ProcessTest() override {
    loops_.stop();
    ::close(log_);
  }
  Result<std::unique_ptr<ChildProcess>> spawn(std::vector<std::string> argv) {
    auto made = std::make_shared<Result<std::unique_ptr<ChildProcess>>>();
    loops_.run([this, argv, made]() -> Task<void> {
      *made = ChildProcess::spawn(loops_.runtime.executor(0), argv, log_);
      co_return;
    });
    return std::move(*made);
  }
  std::unique_ptr<ChildProcess> shell(const std::string& script) {
    auto child = spawn({"/bin/sh", "-c", script});
    EXPECT_TRUE(child);
    return std::move(*child);
  }
  int wait(ChildProcess& child) {
    return loops_.run([&child]() -> Task<int> {
      Task<int> ended = child.wait();
      const int status = co_await std::move(ended);
      co_return status;
    });
  }
  void release(std::unique_ptr<ChildProcess> child) {
    auto shared = std::make_shared<std::unique_ptr<ChildProcess>>(std::move(child));
    loops_.run([shared]() -> Task<void> {
      shared->reset();
      co_return;
    });
  }
  std::string written() const {
    std::ostringstream all;
    all << std::ifstream(folder_.path("log")).rdbuf();
    return all.str();
  }
  TestFolder folder_;
  int log_ = ::open(folder_.path("log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  Loops loops_;
};

TEST_F(ProcessTest, gives_status_and_output_of_both_streams) {
  auto child = shell("echo out; echo err >&2; exit 3");
  const int status = wait(*child);
  EXPECT_EQ(text_of_exit(status), "exit status 3");
  EXPECT_EQ(wait(*child), status);  // again, at once
  child->kill(SIGKILL);             // nothing to kill, and nobody else is hit
  EXPECT_EQ(written(), "out\nerr\n");
  release(std::move(child));
}

TEST_F(ProcessTest, sees_only_three_descriptors_an_empty_stdin_and_default_signals) {
  const int leak = ::open("/dev/null", O_RDONLY);  // without close-on-exec
  auto child = shell(
      "read line && exit 9; ls /proc/self/fd | tr '\\n' ' '; "
      "grep -E 'SigIgn|SigBlk' /proc/self/status | tr -d '\\n\\t '");
  EXPECT_EQ(text_of_exit(wait(*child)), "exit status 0");
  // ls has one more open: the folder that it lists.
  EXPECT_EQ(written(), "0 1 2 3 SigBlk:0000000000000000SigIgn:0000000000000000");
  ::close(leak);
  release(std::move(child));
}

TEST_F(ProcessTest, kill_reaches_the_whole_group) {
  auto child = shell("sleep 1000 & echo $!; wait");
  ASSERT_TRUE(eventually([&] { return written().ends_with("\n"); }));
  const int grandchild = open_process_handle(std::stoi(written()));
  ASSERT_GE(grandchild, 0);
  child->kill(SIGTERM);
  EXPECT_EQ(text_of_exit(wait(*child)), "killed by signal 15 (Terminated)");
  pollfd ended{grandchild, POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 5'000), 1);
  ::close(grandchild);
  release(std::move(child));
}

TEST_F(ProcessTest, destruction_kills_and_reaps) {
  auto child = shell("exec sleep 1000");
  const pid_t pid = child->pid();
  EXPECT_EQ(::kill(pid, 0), 0);
  release(std::move(child));
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(ProcessTest, dies_with_the_thread_that_made_it) {
  auto child = shell("exec sleep 1000");
  const int handle = open_process_handle(child->pid());
  ASSERT_GE(handle, 0);
  loops_.stop();
  pollfd ended{handle, POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 5'000), 1);
  ::close(handle);
}

TEST_F(ProcessTest, a_program_that_is_not_there_is_an_error) {
  for (const std::string& path : {std::string("/absent/program"), folder_.path("log")}) {
    const auto child = spawn({path});
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().message, Message::FileError);
    EXPECT_EQ(child.error().args.at(0), path);
  }
  EXPECT_FALSE(spawn({}));
}

TEST(Hop, runs_on_the_other_thread_and_comes_back) {
  Loops loops(2);
  auto seen = std::make_shared<std::vector<int>>();
  loops.run([&loops, seen]() -> Task<void> {
    seen->push_back(Runtime::this_thread());
    std::function<Task<void>()> task = [seen]() -> Task<void> {
      seen->push_back(Runtime::this_thread());
      co_return;
    };
    Task<void> there = run_on(loops.runtime.executor(1), task);
    co_await std::move(there);
    seen->push_back(Runtime::this_thread());
  });
  EXPECT_EQ(*seen, (std::vector<int>{0, 1, 0}));
}

TEST(Hop, carries_exceptions_home) {
  Loops loops(2);
  const auto failing = [&loops]() -> Task<void> {
    std::function<Task<void>()> task = []() -> Task<void> {
      throw std::runtime_error("there");
      co_return;
    };
    Task<void> there = run_on(loops.runtime.executor(1), task);
    co_await std::move(there);
  };
  EXPECT_THROW(loops.run(failing), std::runtime_error);
}

TEST(Hop, a_cancelled_caller_leaves_and_the_task_is_told) {
  Loops loops(2);
  std::atomic<bool> there{false};
  std::atomic<bool> told{false};
  TaskGroup group("test");
  group.spawn(loops.runtime.executor(0), [&]() -> Task<void> {
    std::function<Task<void>()> task = [&]() -> Task<void> {
      there = true;
      try {
        Task<void> sleep = sleep_for(std::chrono::hours(1));
        co_await std::move(sleep);
      } catch (...) {
        told = true;
        throw;
      }
    };
    Task<void> run = run_on(loops.runtime.executor(1), task);
    co_await std::move(run);
  });
  ASSERT_TRUE(eventually([&] { return there.load(); }));
  group.cancel();
  EXPECT_TRUE(eventually([&] { return group.size() == 0 && told; }));
}

}  // namespace
}  // namespace xc::net

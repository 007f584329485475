#include "net/process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <optional>

namespace xc::net {

namespace asio = boost::asio;

namespace {

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    if (read_end >= 0) ::close(read_end);
    if (write_end >= 0) ::close(write_end);
  }
};

// Signals that this program ignores or blocks would stay so in the child.
void restore_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// stdin from /dev/null, stdout and stderr to the log, `report` as descriptor 3, all others closed.
bool arrange_descriptors(int log_fd, int report) {
  // Both first go above the range that is filled below, whatever numbers they have.
  const int log = ::fcntl(log_fd, F_DUPFD, 10);
  const int out = ::fcntl(report, F_DUPFD, 10);
  const int null = ::open("/dev/null", O_RDWR);
  if (log < 0 || out < 0 || null < 0) return false;
  if (::dup2(null, 0) < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0 || ::dup2(out, 3) < 0) {
    return false;
  }
  ::fcntl(3, F_SETFD, FD_CLOEXEC);  // closed by a successful exec: that is the good news
  return ::close_range(4, ~0U, 0) == 0;
}

// Between fork and exec: system calls only, for other threads may hold any lock. Never returns.
[[noreturn]] void become(char* const* argv, int log_fd, int report, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  ::setpgid(0, 0);
  restore_signals();
  int failed = 0;
  if (arrange_descriptors(log_fd, report)) {
    ::execv(argv[0], argv);
    failed = errno;
    [[maybe_unused]] const ssize_t told = ::write(3, &failed, sizeof(failed));
  } else {
    failed = errno;
    [[maybe_unused]] const ssize_t told = ::write(report, &failed, sizeof(failed));
  }
  ::_exit(127);
}

// 0 when the program runs, else the errno of the failed step.
int read_report(Pipe& report) {
  ::close(std::exchange(report.write_end, -1));
  int failed = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.read_end, &failed, sizeof(failed));
  } while (got < 0 && errno == EINTR);
  return got == sizeof(failed) ? failed : 0;
}

}  // namespace

// By number: the C library's header for it is not fit for C++ before glibc 2.37.
int open_process_handle(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

struct ChildProcess::Parts {
  Parts(const asio::any_io_executor& executor, pid_t child, int pidfd)
      : pid(child), handle(executor, pidfd) {}

  pid_t pid;
  asio::posix::stream_descriptor handle;  // readable once the child ended
  std::optional<int> status;              // set when reaped; the id may belong to another then

  bool reap(int flags) {
    int ended = 0;
    if (!status && ::waitpid(pid, &ended, flags) == pid) status = ended;
    return status.has_value();
  }
};

ChildProcess::ChildProcess(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ChildProcess::~ChildProcess() {
  if (parts_->status) return;
  kill(SIGKILL);
  parts_->reap(0);
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::spawn(asio::any_io_executor executor,
                                                          std::vector<std::string> argv,
                                                          int log_fd) {
  const auto failure = [&](int error) {
    return fail(Code::Internal, Message::FileError,
                {argv.empty() ? "" : argv.front(), ::strerror(error)});
  };
  if (argv.empty()) return failure(EINVAL);
  std::vector<char*> pointers;  // made before the fork: no allocation after it
  for (std::string& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  Pipe report;
  if (report.read_end < 0) return failure(errno);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return failure(errno);
  if (pid == 0) become(pointers.data(), log_fd, report.write_end, parent);
  ::setpgid(pid, pid);  // on both sides: whoever comes first, kill() reaches the group
  const int failed = read_report(report);
  const int pidfd = failed == 0 ? open_process_handle(pid) : -1;
  if (pidfd < 0) {
    const auto refused = failure(failed == 0 ? errno : failed);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return refused;
  }
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(std::make_unique<Parts>(executor, pid, pidfd)));
}

pid_t ChildProcess::pid() const { return parts_->pid; }

void ChildProcess::kill(int signal) {
  if (!parts_->status) ::kill(-parts_->pid, signal);
}

Task<int> ChildProcess::wait() {
  while (!parts_->reap(WNOHANG)) {
    Task<void> ended =
        parts_->handle.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    co_await std::move(ended);
  }
  co_return *parts_->status;
}

std::string text_of_exit(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  }
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace xc::net

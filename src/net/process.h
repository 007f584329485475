// A child process that dies with this one, and whose end can be awaited.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"

#include <boost/asio/any_io_executor.hpp>

namespace xc::net {

// Owns the child: destroying it kills and reaps what still runs. All calls on the executor's
// thread, which must be the thread that calls spawn and must live as long as the program: the
// kernel kills the child when the *thread* that forked it ends.
class ChildProcess {
 public:
  // argv[0] is the program's path (no search in PATH). The child gets its own process group, the
  // default signal dispositions, /dev/null as stdin, log_fd as stdout and stderr, and no other
  // descriptor. Returns once the program runs (about a millisecond). The caller keeps log_fd.
  // Error: FileError with the program's path and the reason.
  static Result<std::unique_ptr<ChildProcess>> spawn(boost::asio::any_io_executor executor,
                                                     std::vector<std::string> argv, int log_fd);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const;
  // To the whole process group; nothing after the end was seen.
  void kill(int signal);
  // The status as waitpid gives it, once the child ended; at once after that. One waiter.
  Task<int> wait();

 private:
  struct Parts;
  explicit ChildProcess(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// A descriptor (pidfd) that becomes readable when the process ends, any process; -1 and errno.
int open_process_handle(pid_t pid);

// "exit status 3", "killed by signal 9 (Killed)".
std::string text_of_exit(int status);

}  // namespace xc::net

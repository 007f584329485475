#include "catalog/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "catalog/file.h"

namespace xc::catalog {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kPollEvery{100};
constexpr milliseconds kTerminateGrace{2'000};  // then SIGKILL

// The inherited environment with `over` in place of variables of the same name.
std::vector<std::string> environment_with(const std::vector<std::string>& over) {
  std::vector<std::string> out = over;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool replaced = std::ranges::any_of(
        over, [name](const std::string& mine) { return mine.starts_with(name); });
    if (!replaced) out.emplace_back(text);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Result<pid_t> start(const ChildCommand& command) {
  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment = environment_with(command.environment);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, command.output_path.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments[0].c_str(), &files, nullptr,
                                 pointers(arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return std::unexpected(file_error(arguments[0], error));
  return pid;
}

// The wait status when the child has ended.
bool has_ended(pid_t pid, int& status) {
  const pid_t got = ::waitpid(pid, &status, WNOHANG);
  return got == pid || (got < 0 && errno == ECHILD);
}

void end(pid_t pid) {
  int status = 0;
  ::kill(pid, SIGTERM);
  for (auto left = kTerminateGrace; left.count() > 0; left -= kPollEvery) {
    if (has_ended(pid, status)) return;
    std::this_thread::sleep_for(kPollEvery);
  }
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<int> run_child(const ChildCommand& command) {
  const auto deadline = Steady::now() + command.timeout;
  XC_TRY(const pid_t pid, start(command));
  int status = 0;
  while (!has_ended(pid, status)) {
    if (command.poll && !command.poll()) {
      end(pid);
      return fail(Code::Cancelled, Message::Cancelled, {command.arguments[0]});
    }
    if (Steady::now() > deadline) {
      end(pid);
      return fail(Code::Upstream, Message::UpstreamFailed,
                  {command.arguments[0] + " did not end in time"});
    }
    std::this_thread::sleep_for(kPollEvery);
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace xc::catalog

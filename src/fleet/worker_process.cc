#include "fleet/worker_process.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/limits.h"
#include "fleet/worker_log.h"

namespace xc::fleet {
namespace {

constexpr std::size_t kSocketPathMax = sizeof(sockaddr_un::sun_path) - 1;

// Runs on the blocking pool; owns what it touches.
void prepare(const WorkerPlace& place, Result<OpenLog>& out) {
  for (const std::string& path : {place.socket_path, place.log_path}) {
    const Status made = make_private_folder(std::filesystem::path(path).parent_path().string());
    if (!made) {
      out = std::unexpected(made.error());
      return;
    }
  }
  out = open_log(place.log_path);
}

}  // namespace

std::vector<std::string> worker_command(const std::string& program, const ModelSpec& spec,
                                        const std::string& socket_path) {
  std::vector<std::string> command{
      program,   "worker",   "--model",   spec.weights_path, "--name",
      spec.name, "--socket", socket_path, "--context",       fmt::format("{}", spec.context)};
  if (!spec.projector_path.empty()) {
    command.insert(command.end(), {"--projector", spec.projector_path});
  }
  command.insert(command.end(), spec.arguments.begin(), spec.arguments.end());
  return command;
}

WorkerProcess::WorkerProcess(std::unique_ptr<net::ChildProcess> child, WorkerPlace place,
                             std::uint64_t start)
    : child_(std::move(child)), place_(std::move(place)), log_start_(start) {
  origin_.unix_path = place_.socket_path;
}

WorkerProcess::~WorkerProcess() { ::unlink(place_.socket_path.c_str()); }

Task<Result<std::unique_ptr<WorkerProcess>>> WorkerProcess::start(
    boost::asio::any_io_executor executor, net::BlockingPool& blocking,
    std::vector<std::string> command, WorkerPlace place) {
  if (place.socket_path.size() > kSocketPathMax) {
    co_return fail(
        Code::Internal, Message::FileError,
        {place.socket_path, fmt::format("a socket's path has at most {} bytes", kSocketPathMax)});
  }
  auto opened = std::make_shared<Result<OpenLog>>(OpenLog{});
  std::function<void()> work = [place, opened] { prepare(place, *opened); };
  co_await blocking.run(work);
  if (!*opened) co_return std::unexpected(std::move(opened->error()));
  // The fork happens here, on thread 0, because the child's life is tied to the forking thread.
  auto child = net::ChildProcess::spawn(executor, std::move(command), (*opened)->fd);
  ::close((*opened)->fd);
  if (!child) co_return std::unexpected(std::move(child.error()));
  co_return std::unique_ptr<WorkerProcess>(
      new WorkerProcess(std::move(*child), std::move(place), (*opened)->start));
}

void WorkerProcess::kill(int signal) {
  killed_ = killed_ || signal == SIGKILL;
  child_->kill(signal);
}

Task<bool> WorkerProcess::answers(net::Client& client) {
  net::ClientRequest request;
  request.target = "/readyz";
  return says_yes(client, std::move(request));
}

Task<bool> WorkerProcess::hand_over(net::Client& client) {
  net::ClientRequest request;
  request.method = "POST";
  request.target = "/internal/handover";
  return says_yes(client, std::move(request));
}

Task<bool> WorkerProcess::says_yes(net::Client& client, net::ClientRequest request) {
  const Deadline deadline = Deadline::after(limits::kWorkerAnswerTimeout);
  auto reply = co_await client.send(origin_, std::move(request), deadline);
  if (!reply) co_return false;
  const int status = (*reply)->status();
  // Read to the end, so that the connection is kept for the first real request.
  auto body = co_await (*reply)->read_all(limits::kHeadBytesMax, deadline);
  co_return body&& status == 200;
}

Task<std::string> WorkerProcess::reason(net::BlockingPool& blocking, int status) {
  auto found = std::make_shared<std::string>();
  std::function<void()> work = [path = place_.log_path, start = log_start_, found] {
    *found = fatal_reason(path, start);
  };
  co_await blocking.run(work);
  if (!found->empty()) co_return *found;
  std::string text = net::text_of_exit(status);
  const bool by_another = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !killed_;
  if (by_another) text += ", perhaps for lack of memory";
  co_return text;
}

Task<void> WorkerProcess::bound_log(net::BlockingPool& blocking) {
  std::function<void()> work = [path = place_.log_path] { fleet::bound_log(path); };
  co_await blocking.run(work);
}

}  // namespace xc::fleet

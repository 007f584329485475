// One model process: its command line, its socket, its log, its end. Lives on I/O thread 0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "fleet/fleet.h"
#include "net/client.h"
#include "net/process.h"
#include "net/runtime.h"

namespace xc::fleet {

struct WorkerPlace {
  std::string socket_path;
  std::string log_path;
};

// `program worker --model … --name … --socket … --context …` and the model's own arguments.
std::vector<std::string> worker_command(const std::string& program, const ModelSpec& spec,
                                        const std::string& socket_path);

// Owns the child: destroying it kills what still runs.
class WorkerProcess {
 public:
  // Makes the folders, opens the log on the pool, starts the child. Error: FileError.
  static Task<Result<std::unique_ptr<WorkerProcess>>> start(boost::asio::any_io_executor executor,
                                                            net::BlockingPool& blocking,
                                                            std::vector<std::string> command,
                                                            WorkerPlace place);
  ~WorkerProcess();  // also removes the socket
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  const net::Origin& origin() const { return origin_; }
  int pid() const { return child_->pid(); }
  // One waiter.
  Task<int> wait() { return child_->wait(); }
  void kill(int signal);

  // True when GET /readyz answers 200. Bounded by a second.
  Task<bool> answers(net::Client& client);
  // POST /internal/handover; true when it obeys. Bounded by a second.
  Task<bool> hand_over(net::Client& client);
  // Why it ended, for people: its last "fatal: " line, else how the kernel says it ended.
  Task<std::string> reason(net::BlockingPool& blocking, int status);
  Task<void> bound_log(net::BlockingPool& blocking);

 private:
  Task<bool> says_yes(net::Client& client, net::ClientRequest request);
  WorkerProcess(std::unique_ptr<net::ChildProcess> child, WorkerPlace place, std::uint64_t start);

  std::unique_ptr<net::ChildProcess> child_;
  WorkerPlace place_;
  std::uint64_t log_start_;
  net::Origin origin_;
  bool killed_ = false;  // by us
};

}  // namespace xc::fleet

#include "engine/worker/worker.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <thread>

#include "base/limits.h"
#include "base/log.h"
#include "engine/worker/routes.h"
#include "net/runtime.h"
#include "net/server.h"

namespace xc::engine {
namespace {

// Files made while it lives are the owner's alone. The socket is bound on one thread before any
// other starts, so the process-wide mask disturbs nobody.
class PrivateFiles {
 public:
  PrivateFiles() : before_(::umask(0177)) {}
  ~PrivateFiles() { ::umask(before_); }
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;

 private:
  mode_t before_;
};

// One worker from socket to drain. The engine is destroyed last: answers of exchanges that were cut
// at the end of the drain live in the runtime's loops and still refer to it.
class Worker {
 public:
  explicit Worker(const WorkerOptions& options)
      : drain_timeout_(options.drain_timeout),
        runtime_(options.io_threads),
        routes_(runtime_, options.load.name),
        server_(runtime_, server_options(options), routes_.handler(), &Routes::render_error),
        tasks_("worker") {}

  Status open() {
    const PrivateFiles mask;
    return server_.open();
  }

  void ready(std::unique_ptr<Engine> engine) {
    engine_ = std::move(engine);
    routes_.ready(*engine_);
    log::info("worker", "{} is ready", engine_->facts().name);
  }

  // Until a signal has been heeded or stop() was called.
  void run() {
    runtime_.on_signals([this](int signo) { on_signal(signo); });
    runtime_.run();
  }
  void stop() { runtime_.stop(); }

 private:
  static net::ServerOptions server_options(const WorkerOptions& options) {
    net::ServerOptions server;
    server.address = "unix:" + options.socket;
    // A question of the largest size, and before it what another worker left of the answer.
    server.body_bytes_max = limits::kBodyBytesMax + limits::kSseEventBytesMax;
    return server;
  }

  void on_signal(int signo) {
    if (signo == SIGHUP) return;  // the terminal of the parent is none of our business
    if (closing_) return;
    closing_ = true;
    routes_.drain();
    tasks_.spawn(runtime_.executor(0), [this] { return close(); });
    tasks_.spawn(runtime_.executor(0), [this] { return hand_over_late(); });
  }

  Task<void> close() {
    const Deadline deadline = Deadline::after(drain_timeout_ + limits::kHandoverTimeout);
    co_await server_.close(deadline);
    runtime_.stop();
  }

  // What the drain could not wait for goes on in another worker.
  Task<void> hand_over_late() {
    co_await net::sleep_for(drain_timeout_);
    if (engine_ != nullptr) engine_->hand_over();
  }

  std::unique_ptr<Engine> engine_;
  const std::chrono::milliseconds drain_timeout_;
  net::Runtime runtime_;
  Routes routes_;
  net::Server server_;
  net::TaskGroup tasks_;
  bool closing_ = false;
};

Result<std::unique_ptr<Engine>> load(const LoadOptions& options) {
  try {
    return open_llama_engine(options);
  } catch (const std::exception& e) {  // a third party's: bad_alloc, filesystem_error
    return fail(Code::Unavailable, Message::ModelFailed, {options.name, e.what()});
  }
}

}  // namespace

Status run_worker(const WorkerOptions& options) {
  Worker worker(options);
  XC_CHECK(worker.open());
  Status loaded;
  std::atomic<bool> over{false};  // the load has ended, well or not
  std::thread loader([&] {
    Result<std::unique_ptr<Engine>> engine = load(options.load);
    over = true;
    if (engine) return worker.ready(std::move(*engine));
    loaded = std::unexpected(std::move(engine.error()));
    worker.stop();
  });
  worker.run();
  if (!over) {
    // Told to stop while it loads: a load cannot be interrupted, and nothing waits for it.
    ::unlink(options.socket.c_str());
    std::_Exit(0);
  }
  loader.join();
  if (!loaded) {
    const std::string reason = text_of(loaded.error(), Language::En);
    std::fprintf(stderr, "fatal: %s %s\n", reason.c_str(), loaded.error().detail.c_str());
  }
  return loaded;
}

Status run_worker(const WorkerOptions& options, std::unique_ptr<Engine> engine) {
  Worker worker(options);
  XC_CHECK(worker.open());
  worker.ready(std::move(engine));
  worker.run();
  return {};
}

}  // namespace xc::engine

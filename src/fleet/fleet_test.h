// What the tests of the fleet share: a fleet of fake workers on running loops.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <string>

#include "fleet/fleet.h"
#include "net/net_test.h"

namespace xc::fleet {

inline constexpr std::uint64_t kMiB = 1u << 20;

// The models that exist, as the resolver sees them. Thread-safe.
class FakeCatalogue {
 public:
  void put(ModelSpec spec) {
    const std::lock_guard hold(lock_);
    specs_[spec.name] = std::move(spec);
  }
  void lose(const std::string& name) {
    const std::lock_guard hold(lock_);
    lost_ = name;
  }
  Result<ModelSpec> find(std::string_view name) {
    ++asked;
    const std::lock_guard hold(lock_);
    if (name == lost_) {
      return fail(Code::Unavailable, Message::ModelGone, {std::string(name), "deleted"});
    }
    const auto found = specs_.find(std::string(name == "alias" ? "a" : name));
    if (found == specs_.end()) {
      return fail(Code::NotFound, Message::NoModel, {std::string(name)});
    }
    return found->second;
  }
  std::atomic<int> asked{0};

 private:
  std::mutex lock_;
  std::map<std::string, ModelSpec> specs_;
  std::string lost_;
};

class FleetTest : public testing::Test {
 protected:
  FleetTest() {
    options_.program = XC_FAKE_WORKER;
    options_.socket_dir = folder_.path("run");
    options_.log_dir = folder_.path("logs");
    options_.backoff_first = std::chrono::milliseconds(1);
    options_.backoff_max = std::chrono::milliseconds(10);
    options_.resolve_fresh = std::chrono::milliseconds(0);
    options_.memory_reserve_bytes = 0;
  }
  ~FleetTest() override {
    if (fleet_) close(std::chrono::seconds(5));
    loops_.stop();
    fleet_.reset();
  }

  // After options_ are as the test wants them.
  void open() {
    fleet_ = std::make_unique<Fleet>(
        loops_.runtime, blocking_, client_, options_,
        [this](std::string_view name) { return catalogue_.find(name); },
        [this] { return free_bytes_.load(); });
  }
  ModelSpec spec(std::string name, std::vector<std::string> arguments = {},
                 std::uint64_t need_bytes = kMiB) {
    ModelSpec made;
    made.name = std::move(name);
    made.weights_path = "/models/" + made.name;
    made.sha256 = "one";
    made.context = 4096;
    made.need_bytes = need_bytes;
    made.arguments = std::move(arguments);
    return made;
  }
  std::string file(const std::string& name) const { return folder_.path(name); }
  void touch(const std::string& name) { std::ofstream(file(name)) << "x"; }
  int lines_of(const std::string& name) const {
    std::ifstream in(file(name));
    int lines = 0;
    for (std::string line; std::getline(in, line);) ++lines;
    return lines;
  }

  std::future<Result<Lease>> acquire_later(std::string name, Duration within) {
    auto answer = std::make_shared<std::promise<Result<Lease>>>();
    callers_.spawn(loops_.runtime.executor(1), [this, name, within, answer]() -> Task<void> {
      const Deadline deadline = Deadline::after(within);
      Task<Result<Lease>> wait = fleet_->acquire(name, deadline);
      Result<Lease> lease = co_await std::move(wait);
      answer->set_value(std::move(lease));
    });
    return answer->get_future();
  }
  Result<Lease> acquire(std::string name, Duration within = std::chrono::seconds(20)) {
    return acquire_later(std::move(name), within).get();
  }
  Status stop(std::string name, Duration within = std::chrono::seconds(5)) {
    return loops_.run([this, name, within]() -> Task<Status> {
      Task<Status> wait = fleet_->stop(name, Deadline::after(within));
      Status status = co_await std::move(wait);
      co_return status;
    });
  }
  Status restart(std::string name, Duration within = std::chrono::seconds(20)) {
    return loops_.run([this, name, within]() -> Task<Status> {
      Task<Status> wait = fleet_->restart(name, Deadline::after(within));
      Status status = co_await std::move(wait);
      co_return status;
    });
  }
  void close(Duration within) {
    loops_.run([this, within]() -> Task<void> {
      Task<void> wait = fleet_->close(Deadline::after(within));
      co_await std::move(wait);
    });
  }
  ModelStatus status_of(const std::string& name) const {
    for (ModelStatus& status : fleet_->status()) {
      if (status.name == name) return status;
    }
    return {};
  }
  bool becomes(const std::string& name, State state) {
    return net::eventually([&] { return status_of(name).state == state; });
  }

  TestFolder folder_;
  FleetOptions options_;
  FakeCatalogue catalogue_;
  std::atomic<std::uint64_t> free_bytes_{1024 * kMiB};
  net::Loops loops_{2};
  net::BlockingPool blocking_{2};
  net::Client client_{loops_.runtime};
  std::unique_ptr<Fleet> fleet_;
  net::TaskGroup callers_{"callers"};
};

}  // namespace xc::fleet

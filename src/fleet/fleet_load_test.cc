// Loading, sharing a load, memory, keep-alive, stop and close.
#include <signal.h>
#include <sys/stat.h>

#include "fleet/fleet_test.h"
#include "net/process.h"

namespace xc::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(FleetTest, loads_on_demand_once_for_many_and_leases) {
  open();
  catalogue_.put(spec("a", {"--note", file("starts")}));
  EXPECT_TRUE(fleet_->status().empty());
  std::vector<std::future<Result<Lease>>> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(acquire_later("a", seconds(20)));
  std::vector<Lease> leases;
  for (auto& future : waiting) {
    Result<Lease> lease = future.get();
    ASSERT_TRUE(lease) << text_of(lease.error(), Language::En);
    leases.push_back(std::move(*lease));
  }
  EXPECT_EQ(lines_of("starts"), 1);
  EXPECT_EQ(leases[0].model(), "a");
  EXPECT_EQ(leases[0].context(), 4096);
  EXPECT_EQ(leases[0].origin().unix_path, leases[7].origin().unix_path);
  const ModelStatus busy = status_of("a");
  EXPECT_EQ(busy.state, State::Ready);
  EXPECT_EQ(busy.in_flight, 8);
  EXPECT_GT(busy.pid, 0);
  EXPECT_GT(busy.resident_bytes, 0u);
  EXPECT_GT(busy.started_unix_ms, 0);
  EXPECT_FALSE(busy.expires_unix_ms);
  leases.clear();
  EXPECT_EQ(status_of("a").in_flight, 0);
  EXPECT_TRUE(status_of("a").expires_unix_ms);
}

TEST_F(FleetTest, an_alias_is_the_same_model_and_lookups_are_cached) {
  options_.resolve_fresh = std::chrono::hours(1);
  open();
  catalogue_.put(spec("a", {"--note", file("starts")}));
  ASSERT_TRUE(acquire("a"));
  const auto lease = acquire("alias");
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->model(), "a");
  EXPECT_EQ(lines_of("starts"), 1);
  EXPECT_EQ(fleet_->status().size(), 1u);
  EXPECT_EQ(catalogue_.asked, 2);
  ASSERT_TRUE(acquire("alias"));
  EXPECT_EQ(catalogue_.asked, 2);
  EXPECT_EQ(acquire("none").error().message, Message::NoModel);
}

TEST_F(FleetTest, the_short_way_ends_with_its_worker) {
  options_.resolve_fresh = std::chrono::hours(1);  // so that only the first one goes the long way
  open();
  catalogue_.put(spec("a"));
  auto lease = acquire("a");
  ASSERT_TRUE(lease);
  const std::string socket = lease->origin().unix_path;
  {
    const auto second = acquire("a");
    ASSERT_TRUE(second);
    EXPECT_EQ(second->origin().unix_path, socket);
    EXPECT_EQ(status_of("a").in_flight, 2);
  }
  EXPECT_EQ(status_of("a").in_flight, 1);
  ASSERT_EQ(fleet_->ready().size(), 1u);
  EXPECT_EQ(fleet_->ready()[0].origin.unix_path, socket);
  lease = fail_internal("dropped");
  ASSERT_TRUE(stop("a"));
  EXPECT_TRUE(fleet_->ready().empty());
  lease = acquire("a");
  ASSERT_TRUE(lease);
  EXPECT_NE(lease->origin().unix_path, socket);
  ::kill(status_of("a").pid, SIGKILL);
  ASSERT_TRUE(net::eventually([&] { return status_of("a").pid == 0; }));
  const auto again = acquire("a");
  ASSERT_TRUE(again);
  EXPECT_NE(again->origin().unix_path, lease->origin().unix_path);
}

TEST_F(FleetTest, the_short_way_and_an_idle_end_do_not_cross) {
  options_.resolve_fresh = std::chrono::hours(1);
  open();
  ModelSpec quick = spec("a");
  quick.keep_alive = seconds(0);
  catalogue_.put(quick);
  for (int i = 0; i < 20; ++i) {
    const auto lease = acquire("a");
    ASSERT_TRUE(lease) << text_of(lease.error(), Language::En);
    EXPECT_TRUE(std::filesystem::exists(lease->origin().unix_path));
    EXPECT_EQ(status_of("a").in_flight, 1);
  }
  EXPECT_TRUE(becomes("a", State::Available));
}

TEST_F(FleetTest, sockets_and_logs_are_private_and_the_socket_goes_with_the_worker) {
  open();
  catalogue_.put(spec("a"));
  auto lease = acquire("a");
  ASSERT_TRUE(lease);
  const std::string socket = lease->origin().unix_path;
  for (const std::string& folder : {options_.socket_dir, options_.log_dir}) {
    struct stat facts{};
    ASSERT_EQ(::stat(folder.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0700u);
  }
  EXPECT_TRUE(std::filesystem::exists(socket));
  lease = fail_internal("dropped");
  EXPECT_TRUE(stop("alias").error().message == Message::NoModel);  // never asked for by this name
  EXPECT_TRUE(stop("a"));
  EXPECT_FALSE(std::filesystem::exists(socket));
  EXPECT_EQ(status_of("a").state, State::Available);
  EXPECT_EQ(stop("a").error().message, Message::NoModel);
}

TEST_F(FleetTest, what_can_never_fit_is_refused_with_the_numbers) {
  open();
  free_bytes_ = 100 * kMiB;
  catalogue_.put(spec("huge", {"--note", file("starts")}, 101 * kMiB));
  const auto refused = acquire("huge");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, Message::WontFit);
  EXPECT_EQ(refused.error().args, (std::vector<std::string>{"huge", "101", "100"}));
  EXPECT_EQ(lines_of("starts"), 0);
  EXPECT_EQ(status_of("huge").state, State::Available);  // not a fault of the model
}

TEST_F(FleetTest, the_least_recently_used_idle_worker_makes_room) {
  open();
  free_bytes_ = 1000 * kMiB;
  for (const char* name : {"a", "b", "c"}) catalogue_.put(spec(name, {}, 450 * kMiB));
  ASSERT_TRUE(acquire("a"));
  ASSERT_TRUE(acquire("b"));
  EXPECT_EQ(status_of("a").state, State::Ready);  // two side by side
  ASSERT_TRUE(acquire("a"));                      // now b is the older one
  ASSERT_TRUE(acquire("c"));
  EXPECT_EQ(status_of("a").state, State::Ready);
  EXPECT_EQ(status_of("b").state, State::Available);
  EXPECT_EQ(status_of("c").state, State::Ready);
}

TEST_F(FleetTest, a_busy_worker_is_waited_for_never_evicted) {
  open();
  free_bytes_ = 1000 * kMiB;
  catalogue_.put(spec("a", {}, 800 * kMiB));
  catalogue_.put(spec("b", {}, 800 * kMiB));
  auto lease = acquire("a");
  ASSERT_TRUE(lease);
  const auto late = acquire("b", milliseconds(50));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message, Message::Deadline);
  EXPECT_EQ(status_of("a").state, State::Ready);
  EXPECT_TRUE(becomes("b", State::Available));  // nobody waits for it any more
  auto waiting = acquire_later("b", seconds(20));
  ASSERT_TRUE(becomes("b", State::Loading));
  lease = fail_internal("dropped");
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(status_of("a").state, State::Available);
}

TEST_F(FleetTest, two_loads_do_not_claim_the_same_memory) {
  open();
  free_bytes_ = 1000 * kMiB;
  catalogue_.put(spec("a", {}, 800 * kMiB));
  catalogue_.put(spec("b", {}, 800 * kMiB));
  auto first = acquire_later("a", seconds(20));
  auto second = acquire_later("b", seconds(20));
  std::vector<std::future<Result<Lease>>*> both{&first, &second};
  std::optional<Lease> held;
  ASSERT_TRUE(net::eventually([&] {
    for (auto* future : both) {
      if (future->wait_for(seconds(0)) != std::future_status::ready) continue;
      Result<Lease> lease = future->get();
      std::erase(both, future);
      if (lease) held.emplace(std::move(*lease));
      return true;
    }
    return false;
  }));
  ASSERT_TRUE(held);
  const std::string other = held->model() == "a" ? "b" : "a";
  EXPECT_EQ(status_of(other).state, State::Loading);
  EXPECT_EQ(status_of(other).pid, 0);  // not started while the first one is in use
  held.reset();
  EXPECT_TRUE(both.front()->get());
}

TEST_F(FleetTest, keep_alive_zero_unloads_after_the_last_lease) {
  open();
  ModelSpec quick = spec("a");
  quick.keep_alive = seconds(0);
  catalogue_.put(quick);
  auto lease = acquire("a");
  ASSERT_TRUE(lease);
  EXPECT_EQ(status_of("a").state, State::Ready);
  lease = fail_internal("dropped");
  EXPECT_TRUE(becomes("a", State::Available));
  EXPECT_TRUE(acquire("a"));  // and comes back
  EXPECT_EQ(status_of("a").restarts, 0);
}

TEST_F(FleetTest, keep_alive_negative_never_expires) {
  open();
  ModelSpec kept = spec("a");
  kept.keep_alive = seconds(-1);
  catalogue_.put(kept);
  ASSERT_TRUE(acquire("a"));
  EXPECT_FALSE(status_of("a").expires_unix_ms);
}

TEST_F(FleetTest, a_changed_file_replaces_the_worker_and_a_lost_one_drains_it) {
  open();
  catalogue_.put(spec("a"));
  ASSERT_TRUE(acquire("a"));
  const int before = status_of("a").pid;
  ModelSpec changed = spec("a");
  changed.sha256 = "two";
  catalogue_.put(changed);
  ASSERT_TRUE(net::eventually([&] { return acquire("a") && status_of("a").pid != before; }));
  catalogue_.lose("a");
  ASSERT_TRUE(net::eventually([&] {
    const auto lease = acquire("a");
    return !lease && lease.error().message == Message::ModelGone;
  }));
  EXPECT_TRUE(becomes("a", State::Available));
}

TEST_F(FleetTest, stop_waits_for_leases_then_kills_at_the_deadline) {
  open();
  catalogue_.put(spec("a"));
  catalogue_.put(spec("b", {"--stubborn"}));
  auto lease = acquire("a");
  ASSERT_TRUE(lease);
  auto stopping = std::async(std::launch::async, [&] { return stop("a", seconds(20)); });
  ASSERT_TRUE(becomes("a", State::Draining));
  EXPECT_EQ(stopping.wait_for(milliseconds(20)), std::future_status::timeout);
  lease = fail_internal("dropped");
  EXPECT_TRUE(stopping.get());
  ASSERT_TRUE(acquire("b"));
  EXPECT_TRUE(stop("b", milliseconds(100)));  // ignores SIGTERM
  EXPECT_EQ(status_of("b").state, State::Available);
}

TEST_F(FleetTest, close_refuses_newcomers_and_waiters_and_leaves_no_process) {
  open();
  catalogue_.put(spec("a"));
  catalogue_.put(spec("hangs", {"--hang"}));
  auto lease = acquire("a");
  ASSERT_TRUE(lease);
  const pid_t ready = status_of("a").pid;
  auto waiting = acquire_later("hangs", seconds(20));
  ASSERT_TRUE(net::eventually([&] { return status_of("hangs").pid > 0; }));
  const pid_t loading = status_of("hangs").pid;
  close(milliseconds(50));  // the lease is still held: killed at the deadline
  EXPECT_EQ(waiting.get().error().message, Message::ShuttingDown);
  EXPECT_EQ(acquire("a").error().message, Message::ShuttingDown);
  EXPECT_EQ(::kill(ready, 0), -1);
  EXPECT_EQ(::kill(loading, 0), -1);
}

TEST_F(FleetTest, workers_die_with_the_gateway) {
  open();
  catalogue_.put(spec("a", {"--stubborn"}));
  ASSERT_TRUE(acquire("a"));
  const int handle = net::open_process_handle(status_of("a").pid);
  ASSERT_GE(handle, 0);
  loops_.stop();  // I/O thread 0 ends without a word, as it does when the process is killed
  pollfd ended{handle, POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 5'000), 1);
  ::close(handle);
  fleet_.reset();
}

}  // namespace
}  // namespace xc::fleet

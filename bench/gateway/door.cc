// The gateway under test: the same rooms that `xingcha serve` wires, with the mock as its worker.
//
//   gateway_door governed|keyed ADDRESS FOLDER MOCK     prints "KEY …" when it serves
//
// governed: all stages of DESIGN §4 with limits on key, tenant and model, audit log, usage table.
// keyed: the floor of our own HTTP: verifies the key and passes the body on; no product runs so.
#include <boost/asio/any_io_executor.hpp>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/log.h"
#include "gateway/books.h"
#include "gateway/gateway.h"
#include "identity/accounts.h"
#include "net/server.h"
#include "secrets/master_key.h"
#include "store/database.h"

// Only in a build that counts (cmake/Profile.cmake).
extern "C" int __llvm_profile_write_file() __attribute__((weak));

namespace {

using xc::Deadline;
using xc::Result;
using xc::Status;
using xc::Task;
namespace gateway = xc::gateway;
namespace identity = xc::identity;
namespace net = xc::net;

constexpr std::string_view kModel = "mock";
constexpr std::int64_t kPlenty = 1'000'000'000'000;  // a limit that is checked and never reached

struct Door {
  explicit Door(const std::string& folder)
      : database(*xc::store::Database::open(folder + "/door.db")),
        accounts(*identity::Accounts::open(*database, clock, random, master)),
        keys(*identity::KeyStore::open(*database, clock, random)),
        log(*xc::audit::Log::open(log_options(folder), clock, random)),
        books(*gateway::Books::open(*log, *database, clock)) {
    using identity::Meter;
    using identity::Scope;
    for (const Meter meter : {Meter::Requests, Meter::Tokens, Meter::Running}) {
      books->ledger().grant(Scope::Tenant, "default", meter, kPlenty, 80);
      books->ledger().grant(Scope::Model, kModel, meter, kPlenty, 80);
    }
  }

  static xc::audit::LogOptions log_options(const std::string& folder) {
    xc::audit::LogOptions options;
    options.folder = folder + "/audit";
    return options;
  }

  xc::SystemClock clock;
  xc::SystemRandom random;
  xc::secrets::MasterKey master{random};
  std::unique_ptr<xc::store::Database> database;
  std::unique_ptr<identity::Accounts> accounts;
  std::unique_ptr<identity::KeyStore> keys;
  std::unique_ptr<xc::audit::Log> log;
  std::unique_ptr<gateway::Books> books;
  net::Runtime runtime{1};
  net::BlockingPool blocking{2};
  net::Client client{runtime, 128};
  std::unique_ptr<xc::fleet::Fleet> fleet;
  xc::fleet::Pools pools{clock, random};
  xc::fleet::PoolStore pool_store{*database, master};
};

xc::fleet::FleetOptions fleet_options(const std::string& folder, const std::string& mock) {
  xc::fleet::FleetOptions options;
  options.program = mock;
  options.socket_dir = folder + "/run";
  options.log_dir = folder + "/logs";
  options.memory_reserve_bytes = 0;
  return options;
}

Result<xc::fleet::ModelSpec> resolve(std::string_view name) {
  if (name != kModel) return xc::fail(xc::Code::NotFound, xc::Message::NoModel, {"?"});
  xc::fleet::ModelSpec spec;
  spec.name = kModel;
  spec.weights_path = "/none";
  spec.context = 8192;
  spec.need_bytes = 1;
  spec.keep_alive = std::chrono::seconds(-1);
  return spec;
}

Task<void> roll_up(Door& door) {
  for (;;) {
    Task<void> pause = net::sleep_for(std::chrono::seconds(1));
    co_await std::move(pause);
    std::function<void()> work = [&door] { static_cast<void>(door.books->keep_up()); };
    Task<void> running = door.blocking.run(work);
    co_await std::move(running);
  }
}

Task<void> pass_on(Door& door, net::Exchange& exchange) {
  const net::Request& asked = exchange.request();
  std::string_view key = asked.headers.get("Authorization");
  if (key.starts_with("Bearer ")) key.remove_prefix(7);
  const Result<identity::Caller> caller = door.keys->verify(key, asked.peer);
  if (!caller) {
    Task<Status> refusing = exchange.reply(401, "application/json", "{}");
    static_cast<void>(co_await std::move(refusing));
    co_return;
  }
  const Deadline deadline = Deadline::after(std::chrono::seconds(60));
  Task<Result<xc::fleet::Lease>> leasing = door.fleet->acquire(std::string(kModel), deadline);
  Result<xc::fleet::Lease> lease = co_await std::move(leasing);
  if (!lease) co_return;
  net::ClientRequest request;
  request.method = asked.method;
  request.target = asked.path;
  request.body = asked.body;
  auto sending = door.client.send(lease->origin(), std::move(request), deadline);
  auto reply = co_await std::move(sending);
  if (!reply) co_return;
  Task<Result<std::string>> reading = (*reply)->read_all(1 << 20, deadline);
  Result<std::string> body = co_await std::move(reading);
  if (!body) co_return;
  Task<Status> sent = exchange.reply((*reply)->status(), "application/json", std::move(*body));
  static_cast<void>(co_await std::move(sent));
}

gateway::ModelRows rows() {
  static const gateway::ModelRows only = [] {
    gateway::ModelRow row;
    row.name = kModel;
    row.context = 8192;
    row.capabilities = {"chat"};
    return std::make_shared<const std::vector<gateway::ModelRow>>(1, row);
  }();
  return only;
}

int serve(const std::string& mode, const std::string& address, const std::string& folder,
          const std::string& mock) {
  Door door(folder);
  identity::KeySpec spec{"bench"};
  const auto key = door.keys->create(spec);
  if (!key) return 1;
  door.fleet = std::make_unique<xc::fleet::Fleet>(door.runtime, door.blocking, door.client,
                                                  fleet_options(folder, mock), &resolve,
                                                  [] { return std::uint64_t{1} << 30; });
  gateway::Gateway governed(gateway::Services{
      door.runtime, door.blocking, door.client, *door.fleet, *door.keys, *door.accounts, door.clock,
      door.random, &rows, "bench", *door.books, door.pools, door.pool_store});
  net::ServerOptions options;
  options.address = address;
  net::Handler keyed = [&door](net::Exchange& exchange) { return pass_on(door, exchange); };
  net::Server server(door.runtime, options, mode == "keyed" ? keyed : governed.handler(),
                     governed.error_renderer());
  if (!server.open()) return 1;
  governed.watch(server);
  net::TaskGroup tasks("bench");
  tasks.spawn(door.runtime.executor(0), [&door] { return roll_up(door); });
  door.runtime.on_signals([](int) {
    if (__llvm_profile_write_file != nullptr) __llvm_profile_write_file();
    std::_Exit(0);
  });
  std::printf("KEY %s\n", key->secret.c_str());
  std::fflush(stdout);
  door.runtime.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  xc::log::open(xc::log::Level::Warn, false);
  return serve(argv[1], argv[2], argv[3], argv[4]);
}

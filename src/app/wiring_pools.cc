// Pools while the server runs: changes by others come in force, endpoints are asked for their
// health.
#include <algorithm>

#include "app/wiring.h"
#include "base/limits.h"
#include "base/log.h"
#include "fleet/prober.h"

namespace xc::app {

// A model that only pools have is listed too, with nothing known of it but its name.
gateway::ModelRows Platform::model_rows() {
  gateway::ModelRows installed = shelf_.rows();
  if (pools_.idle()) return installed;
  const std::shared_ptr<const fleet::PoolTable> table = pools_.table();
  const std::lock_guard held(listed_mutex_);
  if (listed_ && listed_from_ == installed && listed_table_ == table) return listed_;
  std::vector<gateway::ModelRow> rows = *installed;
  for (const std::string& name : pools_.models()) {
    const auto known = [&name](const gateway::ModelRow& row) {
      return row.name == name || std::ranges::find(row.aliases, name) != row.aliases.end();
    };
    if (std::ranges::any_of(rows, known)) continue;
    gateway::ModelRow row;
    row.name = name;
    rows.push_back(std::move(row));
  }
  listed_from_ = std::move(installed);
  listed_table_ = table;
  listed_ = std::make_shared<const std::vector<gateway::ModelRow>>(std::move(rows));
  return listed_;
}

Status Platform::open_pools() {
  pool_store_ = std::make_unique<fleet::PoolStore>(*database_, *master_);
  return refresh_pools();
}

Status Platform::refresh_pools() {
  XC_TRY(const std::int64_t version, pool_store_->version());
  if (version == pools_version_) return {};
  XC_TRY(const fleet::PoolTable table, pool_store_->load());
  pools_.use(table);
  pools_version_ = version;
  return {};
}

// A database that is cut off leaves the last table in force.
Task<void> Platform::follow_pools() {
  net::TaskGroup probes("probes");
  auto since_probe = std::chrono::seconds(limits::kProbeInterval);
  while (!stopping_) {
    auto outcome = std::make_shared<Status>();
    std::function<void()> work = [this, outcome] { *outcome = refresh_pools(); };
    Task<void> running = database_lane_.run(work);
    co_await std::move(running);
    if (!*outcome) log::warn("app", "pools: {}", text_of(outcome->error(), Language::En));
    if (since_probe >= limits::kProbeInterval) {
      since_probe = std::chrono::seconds(0);
      fleet::probe_all(pools_, client_, runtime_, probes);
    }
    Task<void> pause = net::sleep_for(limits::kIdentityPoll);
    co_await std::move(pause);
    since_probe += limits::kIdentityPoll;
  }
  const Deadline soon = Deadline::after(limits::kProbeTimeout);
  Task<bool> ending = probes.join(soon);
  co_await std::move(ending);
}

}  // namespace xc::app

// Pools while the server runs: their models are listed, endpoints are asked for their health.
#include <algorithm>

#include "app/wiring.h"
#include "base/limits.h"
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

Task<void> Platform::probe_pools() {
  net::TaskGroup probes("probes");
  while (!stopping_) {
    fleet::probe_all(pools_, client_, runtime_, probes);
    Task<void> pause = net::sleep_for(limits::kProbeInterval);
    co_await std::move(pause);
  }
  const Deadline soon = Deadline::after(limits::kProbeTimeout);
  Task<bool> ending = probes.join(soon);
  co_await std::move(ending);
}

}  // namespace xc::app

// What memory has of the database, kept true: keys, sessions, limits, prices and pools that the
// command line or another gateway changed.
#include "app/wiring.h"
#include "base/limits.h"
#include "base/log.h"

namespace xc::app {

// Several gateways share the database only where it is PostgreSQL; there they tell each other.
void Platform::open_feed() {
  if (!database_->is_shared()) return;
  feed_ = std::make_unique<store::ChangeFeed>(database_of(config_, here_.home), changed_.waker());
}

// Changes are in force here as soon as they are announced, and within database_poll_s told or not.
// A database that is cut off leaves all as it was.
Task<void> Platform::follow_changes() {
  while (!stopping_) {
    const Deadline next = Deadline::after(std::chrono::seconds(config_.database_poll_s));
    Task<bool> waiting = changed_.wait(next);
    const bool told = co_await std::move(waiting);
    auto outcome = std::make_shared<Status>();
    std::function<void()> work = [this, outcome] { *outcome = refresh(); };
    Task<void> running = database_lane_.run(work);
    co_await std::move(running);
    if (!*outcome) log::warn("app", "changes: {}", text_of(outcome->error(), Language::En));
    if (!told) continue;
    Task<void> pause = net::sleep_for(limits::kChangesPause);
    co_await std::move(pause);
  }
}

// Each asks the database for one number when nothing changed.
Status Platform::refresh() {
  XC_CHECK(keys_->refresh());
  XC_CHECK(accounts_->sessions->refresh());
  XC_CHECK(books_->rules().refresh());
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

Task<void> Platform::flush_uses() {
  while (!stopping_) {
    Task<void> pause = net::sleep_for(limits::kIdentityFlush);
    co_await std::move(pause);
    std::function<void()> work = [this] {
      const Status flushed = keys_->flush_last_used();
      if (!flushed) log::warn("app", "last uses: {}", text_of(flushed.error(), Language::En));
    };
    Task<void> running = database_lane_.run(work);
    co_await std::move(running);
  }
}

}  // namespace xc::app

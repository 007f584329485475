#include "gateway/books.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <map>
#include <thread>
#include <tuple>

#include "audit/text_codes.h"
#include "base/limits.h"
#include "base/log.h"

namespace xc::gateway {
namespace {

constexpr std::array<std::string_view, 7> kEndedNames{
    "done", "client_gone", "deadline", "upstream", "refused", "failed", "lost"};

// All but the sums.
auto what_of(const identity::UsageRow& row) {
  return std::tie(row.hour, row.key, row.model, row.ended, row.tenant, row.workspace, row.pool,
                  row.endpoint);
}

bool same_row(const identity::UsageRow& a, const identity::UsageRow& b) {
  return what_of(a) == what_of(b);
}

void add_to(identity::UsageSums& sum, const identity::UsageSums& more) {
  sum.requests += more.requests;
  sum.prompt_tokens += more.prompt_tokens;
  sum.cached_tokens += more.cached_tokens;
  sum.completion_tokens += more.completion_tokens;
  sum.cost_micro += more.cost_micro;
}

// One row for each hour, caller, model, end and place.
std::vector<identity::UsageRow> added_up(std::vector<identity::UsageRow> rows) {
  std::ranges::sort(rows, [](const identity::UsageRow& a, const identity::UsageRow& b) {
    return what_of(a) < what_of(b);
  });
  std::vector<identity::UsageRow> sums;
  for (identity::UsageRow& row : rows) {
    if (sums.empty() || !same_row(sums.back(), row)) {
      sums.push_back(std::move(row));
      continue;
    }
    add_to(sums.back().sums, row.sums);
  }
  return sums;
}

std::int64_t hour_of(std::int64_t unix_ms) { return unix_ms / 3'600'000; }

identity::UsageSums sums_of(const Spent& spent) {
  return {1, spent.tokens.prompt, spent.tokens.cached, spent.tokens.completion, spent.cost_micro};
}

// Added up by numbers, so that names are looked up once a row, not once a request.
template <typename Item, typename RowOf>
std::vector<identity::UsageRow> rows_of(const std::vector<Item>& items, RowOf row_of) {
  using Place = std::pair<std::string_view, std::string_view>;
  std::map<std::tuple<std::int64_t, identity::AccountIds, Ended, Place>, identity::UsageRow> rows;
  for (const Item& item : items) {
    const auto [at, fresh] = rows.try_emplace(
        {hour_of(item.unix_ms), item.spent.accounts, item.ended, Place(item.pool, item.endpoint)});
    if (fresh) {
      at->second = row_of(item);
    } else {
      add_to(at->second.sums, sums_of(item.spent));
    }
  }
  std::vector<identity::UsageRow> out;
  for (auto& [key, row] : rows) out.push_back(std::move(row));
  return out;
}

}  // namespace

std::string_view name_of(Ended ended) { return kEndedNames[static_cast<std::size_t>(ended)]; }

Books::Books(audit::Log& log, store::Database& database, const Clock& clock)
    : log_(log),
      clock_(clock),
      ledger_(clock),
      rules_(database, ledger_),
      usage_(database),
      log_name_(audit::hex_of(audit::view_of(log.key().log_id()))) {
  if (database.is_shared()) {
    leases_ = std::make_unique<identity::QuotaLeases>(database, ledger_, clock, log_name_);
  }
}

Result<std::unique_ptr<Books>> Books::open(audit::Log& log, store::Database& database,
                                           const Clock& clock) {
  std::unique_ptr<Books> books(new Books(log, database, clock));
  if (books->leases_) XC_CHECK(books->leases_->begin());
  XC_CHECK(books->recover());
  XC_CHECK(books->rules_.load());
  if (books->leases_) {
    XC_CHECK(books->leases_->tick());
  } else {
    XC_CHECK(books->usage_.restore(books->ledger_, clock.unix_ms()));
  }
  return books;
}

Result<audit::Ticket> Books::admit(const audit::Admission& admission, audit::Content content) {
  // Together: a roll-up that sees the leaf on disk must see that it is open.
  const std::lock_guard held(mutex_);
  Result<audit::Ticket> leaf = log_.admit(admission, std::move(content));
  if (leaf) open_.push_back(leaf->index);
  return leaf;
}

void Books::settle(const audit::Ticket& admission, const audit::Settlement& settlement, Ended ended,
                   const Spent* spent, audit::Content content) {
  // Together: a roll-up that sees the leaf on disk must see the item too.
  const std::lock_guard held(mutex_);
  const Result<audit::Ticket> leaf = log_.settle(admission, settlement, std::move(content));
  if (!leaf) {
    // Its admission stays open: the next start settles it as lost. So it is no usage either, else
    // it would be counted twice.
    log::error("audit", "a settlement is lost: {}", text_of(leaf.error(), Language::En));
    return;
  }
  settled_.push_back(Settled{leaf->index, admission.index});
  if (spent == nullptr) return;
  if (items_.size() >= limits::kUsageQueueMax) {
    items_from_ = leaf->index + 1;
    return;
  }
  items_.push_back(Item{leaf->index, clock_.unix_ms(), ended, *spent, std::string(settlement.pool),
                        std::string(settlement.endpoint)});
}

void Books::refused(audit::RecordText record) {
  std::uint64_t left_out = 0;
  {
    const std::lock_guard held(mutex_);
    const std::int64_t second = clock_.unix_ms() / 1000;
    if (second != refusal_second_) {
      refusal_second_ = second;
      refusals_ = 0;
    }
    if (++refusals_ > limits::kAuditRefusalsPerSecond) {
      ++refusals_left_out_;
      return;
    }
    left_out = std::exchange(refusals_left_out_, 0);
  }
  record.number("left_out_before", static_cast<std::int64_t>(left_out));
  const Result<audit::Ticket> leaf = log_.notice(record.take());
  if (leaf) return;
  const std::lock_guard held(mutex_);
  refusals_left_out_ += left_out + 1;
}

identity::UsageRow Books::row_of(const Item& item) const {
  const auto name = [&](identity::Scope scope) {
    return ledger_.name_of(item.spent.accounts[static_cast<std::size_t>(scope)]);
  };
  identity::UsageRow row;
  row.hour = hour_of(item.unix_ms);
  row.tenant = name(identity::Scope::Tenant);
  row.workspace = name(identity::Scope::Workspace);
  row.key = name(identity::Scope::Key);
  row.model = name(identity::Scope::Model);
  row.ended = name_of(item.ended);
  row.pool = item.pool;
  row.endpoint = item.endpoint;
  row.sums = sums_of(item.spent);
  return row;
}

Status Books::roll_up() {
  tell_alerts();
  const std::lock_guard rolling(rolling_);
  if (unsure_) {
    // A commit whose answer was lost may have happened: the table says.
    XC_TRY(const identity::UsageTable::Cursor cursor, usage_.cursor(log_name_));
    rolled_ = std::max(rolled_, cursor.next);
    unsure_ = false;
  }
  std::vector<Item> due;
  std::uint64_t next = 0;
  bool missing = false;
  {
    const std::lock_guard held(mutex_);
    next = log_.head().size;
    open_from_ = oldest_open(next);
    missing = items_from_ > rolled_;
    // By the order of their leaves, which is that of their settlement.
    const auto later = std::ranges::lower_bound(items_, next, {}, &Item::leaf);
    due.assign(items_.begin(), later);
    items_.erase(items_.begin(), later);
  }
  if (next == rolled_) return {};
  Status added;
  if (missing) {
    added = add_from_log(rolled_, next);
  } else {
    added = add(rows_of(due, [this](const Item& item) { return row_of(item); }), next);
  }
  if (added) return {};
  // The database will be there again; what it missed is in the log.
  unsure_ = true;
  const std::lock_guard held(mutex_);
  items_from_ = std::max(items_from_, next);
  return added;
}

std::uint64_t Books::oldest_open(std::uint64_t next) {
  std::vector<std::uint64_t> closed;
  for (; !settled_.empty() && settled_.front().leaf < next; settled_.pop_front()) {
    closed.push_back(settled_.front().admission);
  }
  std::ranges::sort(closed);
  std::vector<std::uint64_t> left;
  std::ranges::set_difference(open_, closed, std::back_inserter(left));
  open_.swap(left);
  return open_.empty() ? UINT64_MAX : open_.front();
}

Status Books::add(std::vector<identity::UsageRow> rows, std::uint64_t next) {
  const identity::UsageTable::Cursor cursor{next, std::min(next, open_from_)};
  const std::vector<identity::UsageRow> sums = added_up(std::move(rows));
  std::vector<store::Database::Statement> booked;
  if (leases_ && !sums.empty()) booked = leases_->booked(sums);
  XC_CHECK(usage_.add(log_name_, sums, cursor, std::move(booked)));
  rolled_ = next;
  return {};
}

Status Books::keep_up() {
  Status done = roll_up();
  if (done && leases_) done = leases_->tick();
  if (!done && leases_) leases_->cut_off();
  return done;
}

Status Books::close() {
  // What is not on disk in time is found in the log by the next start.
  constexpr std::chrono::milliseconds kPoll{5};
  for (int i = 0; i < 200; ++i) {
    const audit::Log::Stats stats = log_.stats();
    if (stats.committed >= stats.leaves) break;
    std::this_thread::sleep_for(kPoll);
  }
  XC_CHECK(roll_up());
  return leases_ ? leases_->release() : Status();
}

namespace {

// Whose auditors the alert concerns, where its account tells: workspaces are called tenant/name.
std::string_view tenant_of(const identity::Alert& alert) {
  const std::string_view name = alert.name;
  if (alert.scope == identity::Scope::Tenant) return name;
  if (alert.scope == identity::Scope::Workspace) return name.substr(0, name.find('/'));
  return {};
}

}  // namespace

void Books::tell_alerts() {
  for (const identity::Alert& alert : ledger_.take_alerts()) {
    log::warn("quota", "{} {}: {} of {} are used or reserved ({})", name_of(alert.scope),
              alert.name, alert.balance.reserved + alert.balance.settled, alert.balance.granted,
              name_of(alert.meter));
    const Result<audit::Ticket> leaf = log_.notice(audit::RecordText()
                                                       .text("event", "quota_alert")
                                                       .text("scope", name_of(alert.scope))
                                                       .text("name", alert.name)
                                                       .text("tenant", tenant_of(alert))
                                                       .text("meter", name_of(alert.meter))
                                                       .number("granted", alert.balance.granted)
                                                       .number("reserved", alert.balance.reserved)
                                                       .number("settled", alert.balance.settled)
                                                       .take());
    if (!leaf) log::error("audit", "an alert is lost: {}", text_of(leaf.error(), Language::En));
  }
}

}  // namespace xc::gateway

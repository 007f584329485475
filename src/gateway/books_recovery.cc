// What the last process left in the audit log: settlements that are not in the usage table yet, and
// admissions that never got one.
#include <boost/json/parse.hpp>
#include <set>

#include "audit/log_scan.h"
#include "base/limits.h"
#include "base/log.h"
#include "gateway/books.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

std::string text_in(const json::object& record, std::string_view name) {
  const json::value* value = record.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::int64_t number_in(const json::object& record, std::string_view name) {
  const json::value* value = record.if_contains(name);
  return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

// Nothing for records that were erased or that no request made.
std::optional<json::object> record_in(const audit::Entry& entry) {
  if (entry.record.fate != audit::Fate::Kept) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(entry.record.text, error);
  if (error || !value.is_object() || !value.as_object().contains("key")) return std::nullopt;
  return std::move(value.as_object());
}

std::optional<identity::UsageRow> usage_in(const audit::Entry& entry) {
  if (entry.leaf.kind != audit::Kind::Settlement) return std::nullopt;
  const std::optional<json::object> record = record_in(entry);
  if (!record || !record->contains("model")) return std::nullopt;  // an administrator's call
  identity::UsageRow row;
  row.hour = entry.leaf.unix_ms / 3'600'000;
  row.tenant = text_in(*record, "tenant");
  row.workspace = text_in(*record, "workspace");
  row.key = text_in(*record, "key");
  row.model = text_in(*record, "model");
  row.ended = text_in(*record, "ended");
  row.pool = text_in(*record, "pool");
  row.endpoint = text_in(*record, "endpoint");
  row.sums = {1, number_in(*record, "prompt_tokens"), number_in(*record, "cached_tokens"),
              number_in(*record, "completion_tokens"), number_in(*record, "cost_micro")};
  return row;
}

}  // namespace

Status Books::recover() {
  XC_TRY(const identity::UsageTable::Cursor cursor, usage_.cursor(log_name_));
  const std::uint64_t end = log_.head().size;
  rolled_ = std::min(cursor.next, end);
  XC_CHECK(settle_lost(std::min(cursor.open_from, rolled_), end));
  return add_from_log(rolled_, log_.head().size);
}

// Each admission of [from, to) without a settlement gets one: the server ended in its middle, so it
// is billed as nothing. When this is cut short, the next start goes on.
Status Books::settle_lost(std::uint64_t from, std::uint64_t to) {
  std::set<std::uint64_t> open;
  audit::LogScan scan(log_);
  for (std::uint64_t at = from; at < to; ++at) {
    XC_TRY(const audit::Entry entry, scan.read(at, audit::Texts::RecordOnly));
    if (entry.leaf.kind == audit::Kind::Admission) open.insert(at);
    if (entry.leaf.kind == audit::Kind::Settlement) open.erase(entry.leaf.partner);
  }
  std::optional<audit::Ticket> last;
  for (const std::uint64_t index : open) {
    XC_TRY(const audit::Entry entry, scan.read(index, audit::Texts::RecordOnly));
    const json::object record = record_in(entry).value_or(json::object());
    const std::string request = text_in(record, "request"), tenant = text_in(record, "tenant");
    const std::string workspace = text_in(record, "workspace"), key = text_in(record, "key");
    const std::string model = text_in(record, "model");
    audit::Settlement settlement;
    settlement.request_id = request;
    settlement.tenant = tenant;
    settlement.workspace = workspace;
    settlement.key_id = key;
    settlement.model = model;
    settlement.ended = name_of(Ended::Lost);
    XC_TRY(last, log_.settle(audit::Ticket{index, {}}, settlement));
  }
  if (!last) return {};
  log::warn("audit", "{} requests were running when the last server ended", open.size());
  return log_.wait(*last, Deadline::after(limits::kAuditRetryInterval * 10));
}

Status Books::add_from_log(std::uint64_t from, std::uint64_t to) {
  std::vector<identity::UsageRow> rows;
  audit::LogScan scan(log_);
  for (std::uint64_t at = from; at < to; ++at) {
    XC_TRY(const audit::Entry entry, scan.read(at, audit::Texts::RecordOnly));
    if (std::optional<identity::UsageRow> row = usage_in(entry)) rows.push_back(std::move(*row));
    const bool last = at + 1 == to;
    if (!last && rows.size() < limits::kUsageRowsMax) continue;
    XC_CHECK(add(std::exchange(rows, {}), at + 1));
  }
  return {};
}

}  // namespace xc::gateway

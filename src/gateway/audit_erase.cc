// POST /admin/audit/erase: one leaf, or the contents of a request or a tenant.
#include <fmt/format.h>

#include <boost/json/value.hpp>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "audit/log_scan.h"
#include "gateway/admin_audit.h"
#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "gateway/query.h"
#include "schema/json_reader.h"

namespace xc::gateway {
namespace {

constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

struct Erasure {
  std::optional<std::int64_t> index;
  std::string request, tenant;  // empty: any
  std::int64_t before = kForever;
  audit::Body what = audit::Body::Content;
  std::string reason;
};

Status check(const Erasure& erasure) {
  const bool many = !erasure.request.empty() || !erasure.tenant.empty();
  if (!erasure.index && !many) return fail_field("index", Message::MissingField, {"index"});
  if (erasure.index && many) {
    return fail_field("index", Message::BadValue, {"index", "?", "index | request, tenant"});
  }
  // Records of many are the log itself: single ones only.
  if (many && erasure.what == audit::Body::Record) {
    return fail_field("what", Message::BadValue, {"what", "record", "content"});
  }
  if (erasure.reason.empty()) return fail_field("reason", Message::MissingField, {"reason"});
  return {};
}

Result<Erasure> read_erasure(std::string_view text) {
  boost::json::value document;
  XC_TRY(const schema::JsonObject body, schema::read_body(text, document));
  Erasure erasure;
  std::string what;
  XC_CHECK(body.integer("index", erasure.index, 0, kForever));
  XC_CHECK(body.text("request", erasure.request));
  XC_CHECK(body.text("tenant", erasure.tenant));
  XC_CHECK(body.text("what", what));
  XC_CHECK(body.text("reason", erasure.reason));
  if (const std::optional<schema::JsonField> before = body.find("before")) {
    const bool text = before->value().is_string();
    XC_TRY(erasure.before, time_of("before", text ? std::string(before->value().as_string())
                                                  : schema::json_of(before->value())));
  }
  if (what != "content" && what != "record") {
    return fail_field("what", Message::BadValue, {"what", "?", "content, record"});
  }
  if (what == "record") erasure.what = audit::Body::Record;
  XC_CHECK(check(erasure));
  return erasure;
}

bool concerns(const Erasure& erasure, const audit::Entry& entry) {
  if (entry.content.fate != audit::Fate::Kept || entry.leaf.unix_ms >= erasure.before) return false;
  const std::string& record = entry.record.text;
  if (!erasure.tenant.empty() && audit::text_in(record, "tenant") != erasure.tenant) return false;
  return erasure.request.empty() || audit::text_in(record, "request") == erasure.request;
}

Status erase_one(const Desk& desk, const Erasure& erasure) {
  audit::Log& log = desk.books.log();
  const auto index = static_cast<std::uint64_t>(*erasure.index);
  XC_TRY(const audit::Entry entry, audit::LogScan(log).read(index, audit::Texts::RecordOnly));
  XC_CHECK(log.erase(index, erasure.what, desk.caller.key_id, erasure.reason));
  note(desk, erasure.what == audit::Body::Content ? "content_erased" : "record_erased",
       audit::text_in(entry.record.text, "tenant"), "leaf " + std::to_string(index));
  return {};
}

// How many; those that were erased stay so when it breaks off.
Result<std::uint64_t> erase_many(const Desk& desk, const Erasure& erasure) {
  audit::Log& log = desk.books.log();
  audit::LogScan scan(log);
  std::vector<std::uint64_t> batch;
  std::map<std::string, std::uint64_t> erased;  // by tenant
  for (std::uint64_t at = 0; at < scan.size(); ++at) {
    XC_TRY(const audit::Entry entry, scan.read(at, audit::Texts::RecordOnly));
    if (concerns(erasure, entry)) {
      batch.push_back(at);
      ++erased[audit::text_in(entry.record.text, "tenant")];
    }
    if (batch.size() < audit::Log::kErasedAtOnce && at + 1 < scan.size()) continue;
    XC_CHECK(log.erase(batch, erasure.what, desk.caller.key_id, erasure.reason));
    batch.clear();
  }
  std::uint64_t sum = 0;
  const std::string which = erasure.request.empty() ? "" : "request " + erasure.request + ", ";
  for (const auto& [tenant, count] : erased) {
    sum += count;
    note(desk, "content_erased", tenant, which + std::to_string(count) + " leaves");
  }
  return sum;
}

Result<std::string> erased_text(const Desk& desk, const Erasure& erasure) {
  std::uint64_t count = 1;
  if (erasure.index) {
    XC_CHECK(erase_one(desk, erasure));
  } else {
    XC_TRY(count, erase_many(desk, erasure));
  }
  return fmt::format(R"({{"erased":{},"leaves":{}}})", count > 0, count);
}

}  // namespace

Task<Status> erase_audit(Call& call) {
  Result<Erasure> erasure = read_erasure(call.request().body);
  if (!erasure) co_return std::unexpected(std::move(erasure.error()));
  const Weight weight = erasure->index ? Weight::Light : Weight::Heavy;
  Result<Work> work = [desk = desk_of(call), erasure = std::move(*erasure)] {
    return erased_text(desk, erasure);
  };
  Status replied = co_await answer(call, std::move(work), weight);
  co_return replied;
}

}  // namespace xc::gateway

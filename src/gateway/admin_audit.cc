#include "gateway/admin_audit.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

#include "audit/log_scan.h"
#include "audit/text_codes.h"
#include "base/limits.h"
#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "gateway/query.h"
#include "identity/caller.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

std::string hex(const audit::Digest& digest) { return audit::hex_of(audit::view_of(digest)); }

json::array hex_list(const std::vector<audit::Digest>& digests) {
  json::array list;
  for (const audit::Digest& digest : digests) list.emplace_back(hex(digest));
  return list;
}

struct RecordQuery {
  std::uint64_t before = 0;
  std::int64_t from = 0, to = kForever;
  std::string tenant;   // empty: all
  std::string request;  // empty: all
  std::optional<audit::Kind> kind;
  std::size_t limit = 0;
};

Result<RecordQuery> record_query_of(const Call& call) {
  const std::string& text = call.request().query;
  RecordQuery query;
  XC_TRY(const std::int64_t before, query_number(text, "before", 0, kForever, kForever));
  query.before = static_cast<std::uint64_t>(before);
  XC_TRY(query.from, query_time(text, "from", 0));
  XC_TRY(query.to, query_time(text, "to", kForever));
  XC_TRY(const std::int64_t limit,
         query_number(text, "limit", 1, static_cast<std::int64_t>(limits::kAuditPageMax), 100));
  query.limit = static_cast<std::size_t>(limit);
  query.tenant = query_value(text, "tenant").value_or("");
  query.request = query_value(text, "request").value_or("");
  if (!identity::reaches_all(call.caller)) query.tenant = call.caller.tenant;
  if (const std::optional<std::string> kind = query_value(text, "kind")) {
    query.kind = audit::kind_of(*kind);
    if (!query.kind) {
      return fail_field("kind", Message::BadValue,
                        {"kind", "?", "admission, settlement, event, start, expiry"});
    }
  }
  return query;
}

// The first leaf at or after a time: times of leaves never go back.
Result<std::uint64_t> first_since(audit::LogScan& log, std::int64_t unix_ms, std::uint64_t end) {
  std::uint64_t low = 0, high = end;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    XC_TRY(const audit::Entry entry, log.read(middle, audit::Texts::RecordOnly));
    if (entry.leaf.unix_ms < unix_ms) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

std::string_view text_in(const json::value& record, std::string_view name) {
  const json::object* object = record.if_object();
  const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->as_string())
                                                : std::string_view();
}

// Nothing when the query does not ask for it.
std::optional<json::object> shown(const audit::Entry& entry, const RecordQuery& query) {
  if (query.kind && entry.leaf.kind != *query.kind) return std::nullopt;
  boost::system::error_code error;
  json::value record = json::parse(entry.record.text, error);
  const bool readable = entry.record.fate == audit::Fate::Kept && !error;
  if (!readable) record = nullptr;
  if (!query.tenant.empty() && text_in(record, "tenant") != query.tenant) return std::nullopt;
  if (!query.request.empty() && text_in(record, "request") != query.request) return std::nullopt;
  json::object out{{"index", entry.leaf.index},
                   {"kind", audit::name_of(entry.leaf.kind)},
                   {"unix_ms", entry.leaf.unix_ms}};
  if (entry.leaf.partner != audit::kNoPartner) out["partner"] = entry.leaf.partner;
  out["record"] = std::move(record);
  if (entry.content.fate != audit::Fate::None && readable) {
    out["content"] = name_of(entry.content.fate);
  }
  return out;
}

Result<std::string> records_of(const audit::Log& log, const RecordQuery& query) {
  audit::LogScan scan(log);
  const std::uint64_t size = scan.size();
  std::uint64_t at = std::min(query.before, size);
  if (query.to != kForever) {
    XC_TRY(const std::uint64_t end, first_since(scan, query.to, at));
    at = end;
  }
  json::array records;
  std::uint64_t scanned = 0;
  bool over = at == 0;
  while (!over && records.size() < query.limit && scanned++ < limits::kAuditScanMax) {
    XC_TRY(const audit::Entry entry, scan.read(--at, audit::Texts::RecordOnly));
    over = at == 0 || entry.leaf.unix_ms < query.from;
    if (entry.leaf.unix_ms < query.from) break;
    if (std::optional<json::object> one = shown(entry, query)) records.push_back(std::move(*one));
  }
  json::object out{{"size", size}, {"records", std::move(records)}};
  out["next_before"] = over ? json::value(nullptr) : json::value(at);
  return json::serialize(out);
}

Result<std::string> proof_of(const audit::Log& log, std::optional<audit::Receipt> receipt,
                             std::uint64_t index) {
  if (receipt && receipt->log != log.key().log_id()) {
    return fail(Code::InvalidRequest, Message::BadReceipt, {"LOG"});
  }
  XC_TRY(const audit::Log::Inclusion proof, log.prove(index));
  const bool same = !receipt || receipt->leaf == proof.leaf;
  const bool ours = !receipt || (receipt->head ? audit::verify(*receipt->head, log.key())
                                               : log.made_here(*receipt));
  json::object out{{"index", index},
                   {"leaf", hex(proof.leaf)},
                   {"good", same && ours},
                   {"receipt", log.receipt(audit::Ticket{index, proof.leaf})},
                   {"head", audit::text_of(proof.head)},
                   {"size", proof.head.size},
                   {"root", hex(proof.head.root)},
                   {"path", hex_list(proof.path)}};
  return json::serialize(out);
}

}  // namespace

Task<Status> show_audit_head(Call& call) {
  const audit::Log& log = call.services.books.log();
  const audit::SignedHead head = log.head();
  const audit::Log::Stats stats = log.stats();
  const json::object out{{"log", audit::hex_of(audit::view_of(head.log))},
                         {"profile", audit::name_of(log.key().profile())},
                         {"size", head.size},
                         {"unix_ms", head.unix_ms},
                         {"root", hex(head.root)},
                         {"head", audit::text_of(head)},
                         {"key", log.key().pem()},
                         {"waiting", stats.leaves - std::min(stats.leaves, head.size)},
                         {"failing", stats.failing}};
  std::string body = json::serialize(out);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> list_audit_records(Call& call) {
  Result<RecordQuery> query = record_query_of(call);
  if (!query) co_return std::unexpected(std::move(query.error()));
  Result<Work> work = [&log = call.services.books.log(), query = std::move(*query)] {
    return records_of(log, query);
  };
  Status replied = co_await answer(call, std::move(work), Weight::Heavy);
  co_return replied;
}

Task<Status> prove_audit_leaf(Call& call) {
  const std::string& query = call.request().query;
  std::optional<audit::Receipt> receipt;
  if (const std::optional<std::string> text = query_value(query, "receipt")) {
    receipt = audit::receipt_of(*text);
    if (!receipt) {
      co_return fail_field("receipt", Message::BadReceipt, {text->substr(0, 32)});
    }
  }
  const Result<std::int64_t> asked = query_number(query, "index", 0, kForever, -1);
  if (!asked) co_return std::unexpected(asked.error());
  if (!receipt && *asked < 0) co_return fail_field("receipt", Message::MissingField, {"receipt"});
  const auto index = receipt ? receipt->index : static_cast<std::uint64_t>(*asked);
  Result<Work> work = [&log = call.services.books.log(), receipt, index] {
    return proof_of(log, receipt, index);
  };
  Status replied = co_await answer(call, std::move(work), Weight::Heavy);
  co_return replied;
}

}  // namespace xc::gateway

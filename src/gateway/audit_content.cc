// GET /admin/audit/content.
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <limits>
#include <utility>

#include "audit/log_scan.h"
#include "gateway/admin_audit.h"
#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "gateway/query.h"
#include "identity/caller.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

std::unexpected<Error> no_leaf(std::uint64_t index) {
  return fail(Code::NotFound, Message::AuditNoLeaf, {std::to_string(index)});
}

// Whose a leaf is, the record says: where that is erased, only who sees all may look.
Result<std::string> content_text(const Desk& desk, std::uint64_t index) {
  audit::LogScan scan(desk.books.log());
  XC_TRY(const audit::Entry known, scan.read(index, audit::Texts::RecordOnly));
  const std::string tenant = audit::text_in(known.record.text, "tenant");
  if (!identity::reaches_all(desk.caller) && tenant != desk.caller.tenant) return no_leaf(index);
  json::object out{{"index", index},
                   {"kind", audit::name_of(known.leaf.kind)},
                   {"unix_ms", known.leaf.unix_ms},
                   {"tenant", tenant},
                   {"request", audit::text_in(known.record.text, "request")},
                   {"fate", audit::name_of(known.content.fate)},
                   {"cut_from", nullptr},
                   {"content", nullptr}};
  if (const std::uint64_t whole = audit::content_cut_in(known.record.text)) out["cut_from"] = whole;
  if (known.content.fate != audit::Fate::Kept) return json::serialize(out);
  XC_CHECK(record(desk, "content_read", tenant, "leaf " + std::to_string(index)));
  XC_TRY(const audit::Entry entry, scan.read(index));
  out["fate"] = audit::name_of(entry.content.fate);  // it may have been erased meanwhile
  if (entry.content.fate == audit::Fate::Kept) out["content"] = entry.content.text;
  return json::serialize(out);
}

}  // namespace

Task<Status> show_audit_content(Call& call) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const Result<std::int64_t> index = query_number(call.request().query, "index", 0, kMost, -1);
  if (!index) co_return std::unexpected(index.error());
  if (*index < 0) co_return fail_field("index", Message::MissingField, {"index"});
  Result<Work> work = [desk = desk_of(call), at = static_cast<std::uint64_t>(*index)] {
    return content_text(desk, at);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

}  // namespace xc::gateway

// Prices, and what was used.
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <utility>

#include "gateway/admin_quota.h"
#include "gateway/admin_work.h"
#include "gateway/books.h"
#include "gateway/query.h"
#include "gateway/quota_json.h"
#include "identity/caller.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kMonthMs = 31ll * 24 * kHourMs;

Result<std::string> prices_text(const Books& books) {
  XC_TRY(const std::vector<identity::ModelPrice> prices, books.rules().prices());
  json::array list;
  for (const identity::ModelPrice& row : prices) {
    list.push_back(json::object{{"model", row.model},
                                {"input", row.price.input},
                                {"cached", row.price.cached},
                                {"output", row.price.output}});
  }
  return json::serialize(json::object{{"prices", std::move(list)}});
}

Result<identity::UsageQuery> usage_query_of(const Call& call) {
  const std::string& text = call.request().query;
  identity::UsageQuery query;
  std::string names = query_value(text, "group_by").value_or("");
  for (std::string_view rest = names; !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    XC_TRY(const identity::UsageBy by,
           choice_of("group_by", identity::usage_by_of(rest.substr(0, end)),
                     identity::usage_dimensions()));
    if (std::ranges::find(query.by, by) == query.by.end()) query.by.push_back(by);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const std::int64_t now = call.services.clock.unix_ms();
  XC_TRY(const std::int64_t to, query_time(text, "to", now + kHourMs));
  XC_TRY(const std::int64_t from,
         query_time(text, "from", std::max<std::int64_t>(to - kMonthMs, 0)));
  query.from_hour = from / kHourMs;
  query.to_hour = to / kHourMs + (to % kHourMs == 0 ? 0 : 1);
  query.tenant = query_value(text, "tenant").value_or("");
  if (identity::reaches_all(call.caller)) return query;
  query.tenant = call.caller.tenant;
  // Which endpoints there are is the platform's business.
  for (const identity::UsageBy by : {identity::UsageBy::Pool, identity::UsageBy::Endpoint}) {
    if (std::ranges::find(query.by, by) == query.by.end()) continue;
    return fail(Code::Forbidden, Message::NotAllowed, {std::string(name_of(by))});
  }
  return query;
}

Result<std::string> usage_text(const Books& books, const identity::UsageQuery& query) {
  XC_TRY(const std::vector<identity::UsageGroup> groups, books.usage().query(query));
  json::array rows;
  for (const identity::UsageGroup& group : groups) {
    json::object row;
    for (std::size_t i = 0; i < query.by.size(); ++i) {
      row[name_of(query.by[i])] = group.names[i];
    }
    row["requests"] = group.sums.requests;
    row["prompt_tokens"] = group.sums.prompt_tokens;
    row["cached_tokens"] = group.sums.cached_tokens;
    row["completion_tokens"] = group.sums.completion_tokens;
    row["cost_micro_yuan"] = group.sums.cost_micro;
    rows.push_back(std::move(row));
  }
  const json::object out{{"from_unix_ms", query.from_hour * kHourMs},
                         {"to_unix_ms", query.to_hour * kHourMs},
                         {"usage", std::move(rows)}};
  return json::serialize(out);
}

}  // namespace

Task<Status> list_prices(Call& call) {
  Result<Work> work = [&books = call.services.books] { return prices_text(books); };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> set_price(Call& call) {
  Result<identity::ModelPrice> row = price_of(call.request().body);
  if (!row) co_return std::unexpected(std::move(row.error()));
  Result<Work> work = [desk = desk_of(call), row = std::move(*row)]() -> Result<std::string> {
    XC_CHECK(desk.books.rules().set_price(row));
    note(desk, "price_set", desk.caller.tenant, text_of(row));
    return prices_text(desk.books);
  };
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> show_usage(Call& call) {
  Result<identity::UsageQuery> query = usage_query_of(call);
  if (!query) co_return std::unexpected(std::move(query.error()));
  Result<Work> work = [&books = call.services.books, query = std::move(*query)] {
    return usage_text(books, query);
  };
  Status replied = co_await answer(call, std::move(work), Weight::Heavy);
  co_return replied;
}

}  // namespace xc::gateway

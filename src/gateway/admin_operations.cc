#include "gateway/admin_operations.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "gateway/admin_work.h"
#include "gateway/operations.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

// A gateway that nobody runs as a program (tests) has none.
std::unexpected<Error> no_operations(const Call& call) {
  return fail(Code::NotFound, Message::NoRoute, {call.request().method, call.request().path});
}

bool has_alarms(const Call& call) {
  return call.services.operations != nullptr && call.services.operations->alarms != nullptr;
}

json::value time_of(std::int64_t unix_ms) {
  return unix_ms == 0 ? json::value(nullptr) : json::value(unix_ms);
}

json::object rendered(const ops::Alarm& alarm, Language language) {
  const ops::AlarmFacts& facts = ops::facts_of(alarm.kind);
  json::object out{{"id", alarm.id},
                   {"alarm", facts.name},
                   {"severity", ops::name_of(facts.severity)},
                   {"runbook", facts.runbook},
                   {"subject", alarm.subject},
                   {"detail", alarm.detail},
                   {"text", ops::sentence_of(alarm, language)},
                   {"raised_unix_ms", alarm.raised_unix_ms},
                   {"seen_unix_ms", alarm.seen_unix_ms}};
  out["cleared_unix_ms"] = time_of(alarm.cleared_unix_ms);
  out["acknowledged_unix_ms"] = time_of(alarm.acknowledged_unix_ms);
  out["acknowledged_by"] = nullptr;
  if (!alarm.acknowledged_by.empty()) out["acknowledged_by"] = alarm.acknowledged_by;
  return out;
}

json::array rendered(const std::vector<ops::Alarm>& alarms, Language language) {
  json::array list;
  for (const ops::Alarm& alarm : alarms) list.push_back(rendered(alarm, language));
  return list;
}

}  // namespace

Task<Status> show_config(Call& call) {
  if (call.services.operations == nullptr) co_return no_operations(call);
  std::string body = call.services.operations->show_config();
  call.exchange.reply_headers().set("Cache-Control", "no-store");
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> reload_config(Call& call) {
  if (call.services.operations == nullptr) co_return no_operations(call);
  Result<Work> work = Work(call.services.operations->reload_config);
  Status replied = co_await answer(call, std::move(work));
  co_return replied;
}

Task<Status> list_alarms(Call& call) {
  if (!has_alarms(call)) co_return no_operations(call);
  const ops::AlarmBoard& board = *call.services.operations->alarms;
  json::object out{{"alarms", rendered(board.active(), call.language)},
                   {"cleared", rendered(board.history(), call.language)},
                   {"left_out", board.left_out()}};
  std::string body = json::serialize(out);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

Task<Status> acknowledge_alarm(Call& call) {
  if (!has_alarms(call)) co_return no_operations(call);
  const identity::Caller& caller = call.caller;
  const std::string& by = caller.user_id.empty() ? caller.key_id : caller.user_id;
  const Result<ops::Alarm> alarm =
      call.services.operations->alarms->acknowledge(call.parameter, by);
  if (!alarm) co_return std::unexpected(alarm.error());
  std::string body = json::serialize(rendered(*alarm, call.language));
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

}  // namespace xc::gateway

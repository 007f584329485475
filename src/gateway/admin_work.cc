#include "gateway/admin_work.h"

#include <atomic>
#include <memory>
#include <utility>

#include "audit/record.h"
#include "base/limits.h"
#include "base/log.h"
#include "gateway/books.h"

namespace xc::gateway {

namespace {

std::atomic<int> leaves_out{0};

}  // namespace

Leave take_leave() {
  int out = leaves_out.load();
  do {
    if (out >= limits::kHeavyWorkMax) return nullptr;
  } while (!leaves_out.compare_exchange_weak(out, out + 1));
  return Leave(&leaves_out, [](const void*) { --leaves_out; });
}

std::unexpected<Error> no_leave() {
  Error error{Code::RateLimited,
              Message::QuotaRunning,
              {"admin", std::to_string(limits::kHeavyWorkMax)},
              {},
              {},
              static_cast<int>(limits::kHeavyWorkRetry.count())};
  return fail(std::move(error));
}

Task<Status> answer(Call& call, Result<Work> work, Weight weight) {
  if (!work) co_return std::unexpected(std::move(work.error()));
  Leave leave;
  if (weight == Weight::Heavy) {
    leave = take_leave();
    if (!leave) co_return no_leave();
  }
  auto outcome = std::make_shared<Result<std::string>>();
  std::function<void()> run = [outcome, todo = std::move(*work), leave = std::move(leave)] {
    *outcome = todo();
  };
  co_await call.services.blocking.run(std::move(run));
  if (!*outcome) co_return std::unexpected(std::move(outcome->error()));
  call.exchange.reply_headers().set("Cache-Control", "no-store");
  Status replied = co_await reply_json(call, 200, std::move(**outcome));
  co_return replied;
}

Desk desk_of(const Call& call) {
  identity::Accounts& accounts = call.services.accounts;
  return {call.caller,        call.services.keys,  accounts.tenants,    accounts.users,
          *accounts.sessions, call.services.clock, call.services.books, call.request_id};
}

Status record(const Desk& desk, std::string_view event, std::string_view tenant,
              const std::string& subject) {
  log::info("admin", "{} {} of {} by {}", event, subject, tenant, desk.caller.key_id);
  XC_TRY(const audit::Ticket ticket, desk.books.log().event(audit::RecordText()
                                                                .text("event", event)
                                                                .text("request", desk.request_id)
                                                                .text("tenant", tenant)
                                                                .text("subject", subject)
                                                                .text("key", desk.caller.key_id)
                                                                .take()));
  static_cast<void>(ticket);
  return {};
}

void note(const Desk& desk, std::string_view event, std::string_view tenant,
          const std::string& subject) {
  // The change is done and its request recorded; this happens at shutdown or with a full disk.
  if (!record(desk, event, tenant, subject))
    log::warn("admin", "{} {} has no audit record", event, subject);
}

void note_login_refused(Books& books, const std::string& request_id, const std::string& peer,
                        const Error& error) {
  if (error.code != Code::Unauthorized && error.code != Code::Forbidden) return;
  books.refused(std::move(audit::RecordText()
                              .text("event", "login_refused")
                              .text("request", request_id)
                              .text("source", peer)));
}

}  // namespace xc::gateway

#include "gateway/admin_operations.h"

#include "gateway/admin_work.h"
#include "gateway/operations.h"

namespace xc::gateway {
namespace {

// A gateway that nobody runs as a program (tests) has none.
std::unexpected<Error> no_operations(const Call& call) {
  return fail(Code::NotFound, Message::NoRoute, {call.request().method, call.request().path});
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

}  // namespace xc::gateway

#include "gateway/ollama.h"

#include <utility>

#include "base/limits.h"
#include "gateway/chat.h"
#include "gateway/inquiry.h"
#include "gateway/stages.h"
#include "schema/ollama.h"

namespace xc::gateway {
namespace {

namespace ollama = schema::ollama;

Task<Status> reply_empty(Call& call, ollama::Kind kind, std::string model,
                         std::string_view reason) {
  const Clock& clock = call.services.clock;
  const ollama::Moment now{clock.unix_ms(), clock.now() - call.audit.begun()};
  std::string body = ollama::render_empty(kind, model, reason, now);
  Status replied = co_await reply_json(call, 200, std::move(body));
  co_return replied;
}

// A model is shared: who unloads it decides for all.
Task<Status> unload(Call& call, ollama::Kind kind, std::string model) {
  const identity::Caller& caller = call.caller;
  if (caller.role != identity::Role::PlatformAdmin || !identity::reaches_all(caller)) {
    co_return fail(Code::Forbidden, Message::NotAllowed, {"keep_alive 0"});
  }
  Result<SharedRow> row = allowed_model(call, model);
  if (!row) co_return std::unexpected(std::move(row.error()));
  call.audit.model((*row)->name);
  Status recorded = call.audit.admit_change();
  if (!recorded) co_return recorded;
  const Deadline deadline = call.deadline.sooner(Deadline::after(limits::kDrainTimeout));
  Status stopped = co_await call.services.fleet.stop((*row)->name, deadline);
  if (!stopped && stopped.error().message != Message::NoModel) co_return stopped;  // none runs
  Status replied = co_await reply_empty(call, kind, std::move(model), "unload");
  co_return replied;
}

// The stages of a request that asks nothing: a worker is leased, and given back.
Task<Status> load(Call& call, ollama::Kind kind, std::string model) {
  Status screened = screen(model);
  if (!screened) co_return screened;
  const Estimate nothing;
  Result<Reservation> reservation = co_await reserve(call, model, nothing);
  if (!reservation) co_return std::unexpected(std::move(reservation.error()));
  Status recorded = admit(call, *reservation);
  if (!recorded) co_return recorded;
  const Ask ask{.model = model, .target = "/v1/chat/completions"};
  Result<Seat> seat = co_await route(call, *reservation, ask);
  if (!seat) co_return std::unexpected(std::move(seat.error()));
  reservation->settle();
  Status replied = co_await reply_empty(call, kind, std::move(model), "load");
  co_return replied;
}

Task<Status> answer_to(Call& call, Result<ollama::Request> request) {
  if (!request) return converse(call, std::unexpected(std::move(request.error())));
  if (!request->empty) return converse(call, ollama_question(std::move(*request)));
  if (request->keep_alive_ms == 0) return unload(call, request->kind, request->model());
  return load(call, request->kind, request->model());
}

using EmbeddingParser = Result<schema::EmbeddingRequest> (*)(std::string_view json);
using EmbeddingRenderer = std::string (*)(std::string_view model, const schema::Embeddings& answer);

Result<Inquiry> vectors(std::string_view json, EmbeddingParser parse, EmbeddingRenderer render) {
  XC_TRY(schema::EmbeddingRequest request, parse(json));
  request.base64 = true;  // between us and the endpoint: exact, and a third of the bytes
  Inquiry inquiry;
  inquiry.ask = {request.model, "/v1/embeddings", schema::render(request), false};
  inquiry.estimate = estimate_of(request);
  inquiry.read = [model = request.model, render](std::string_view answer) -> Result<Finding> {
    XC_TRY(const schema::Embeddings found, schema::parse_embeddings(answer));
    Finding finding;
    finding.body = render(model, found);
    finding.usage.prompt_tokens = found.prompt_tokens;
    return finding;
  };
  return inquiry;
}

Result<Inquiry> embed_inquiry(std::string_view json) {
  XC_TRY(Inquiry inquiry, vectors(json, &ollama::parse_embed, &ollama::render_embed));
  inquiry.stamp = &ollama::append_durations;
  return inquiry;
}

Result<Inquiry> embeddings_inquiry(std::string_view json) {
  return vectors(json, &ollama::parse_embeddings,
                 [](std::string_view, const schema::Embeddings& answer) {
                   return ollama::render_embeddings(answer);
                 });
}

}  // namespace

Task<Status> ollama_chat(Call& call) {
  return answer_to(call, ollama::parse_chat(call.request().body));
}
Task<Status> ollama_generate(Call& call) {
  return answer_to(call, ollama::parse_generate(call.request().body));
}
Task<Status> ollama_embed(Call& call) { return inquire(call, &embed_inquiry); }
Task<Status> ollama_embeddings(Call& call) { return inquire(call, &embeddings_inquiry); }

}  // namespace xc::gateway

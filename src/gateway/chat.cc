#include "gateway/chat.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "gateway/answer_writer.h"
#include "gateway/stages.h"
#include "gateway/upstream.h"
#include "schema/openai.h"
#include "schema/telechat.h"

namespace xc::gateway {
namespace {

schema::ReplyHead head_of(const Call& call, const Question& question,
                          const Generation& generation) {
  schema::ReplyHead head;
  head.id = make_id(call.services.random, question.id_prefix);
  head.model = question.model;
  head.created = call.services.clock.unix_ms() / 1000;
  head.fingerprint = "xingcha-" + call.services.version;
  const std::string digest = generation.digest();
  if (!digest.empty()) head.fingerprint += "-" + digest;
  return head;
}

std::unique_ptr<Sink> sink_of(const Call& call, const Question& question,
                              const Generation& generation, const Reservation& reservation) {
  std::unique_ptr<Sink> sink = question.sink(head_of(call, question, generation));
  sink->watch({&call.services.clock, call.audit.begun(), reservation.waited()});
  return sink;
}

// By its name or by its licence: T1 and Xing4 are TeleChats of other names.
bool is_telechat(const ModelRow& row) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  constexpr std::string_view kName = "telechat";
  const auto has_it = [&](const std::string& text) {
    return !std::ranges::search(text, kName, same).empty();
  };
  return has_it(row.name) || has_it(row.licence);
}

// For requests that name no model.
Result<std::string> telechat_model(const Call& call) {
  std::vector<ModelRow> rows = *call.services.models();
  std::erase_if(rows, [&call](const ModelRow& row) {
    return !row.parent.empty() || !may_use(call.caller, row);
  });
  const auto found = std::ranges::find_if(rows, is_telechat);
  if (found != rows.end()) return found->name;
  if (rows.size() == 1) return rows.front().name;
  return fail_field("model", Message::MissingField, {"model"});
}

}  // namespace

// caller_of → parse → screen → reserve → admit → route → start → { next → spend → guard.admit →
// send }* → finish → settle → audit.commit
//
// caller_of runs at the door for every route, and the door's AuditEntry commits when it goes.
// Whatever breaks returns its error; the destructors settle, cancel and give back.
Task<Status> converse(Call& call, Result<Question> question) {
  if (!question) co_return std::unexpected(std::move(question.error()));
  Status screened = screen(question->model);
  if (!screened) co_return screened;
  Result<Reservation> reservation = co_await reserve(call, question->model, question->estimate);
  if (!reservation) co_return std::unexpected(std::move(reservation.error()));
  Status recorded = admit(call, *reservation);
  if (!recorded) co_return recorded;
  Result<Seat> seat = co_await route(call, *reservation, question->ask);
  if (!seat) co_return std::unexpected(std::move(seat.error()));
  Result<std::unique_ptr<Generation>> begun =
      co_await start(call, *reservation, question->ask, question->parser, std::move(*seat));
  if (!begun) co_return std::unexpected(std::move(begun.error()));
  std::unique_ptr<Generation> generation = std::move(*begun);

  const ops::Trace::Stage stage = call.trace.stage("generate");
  const OutputGuard guard(question->choices);
  std::unique_ptr<Sink> sink = sink_of(call, *question, *generation, *reservation);
  AnswerWriter writer(call, question->stream, sink->media_type());
  std::vector<schema::Delta> deltas;
  std::string bytes;
  sink->start(generation->prompt(), bytes);
  KeptAnswer* const kept = call.audit.kept_answer();
  if (kept != nullptr && question->stream) kept->goes_out();
  for (;;) {
    const std::optional<bool> ready = generation->take_ready(deltas);
    Result<bool> more = ready.value_or(false);
    if (!ready) more = co_await generation->next(deltas);
    if (more && !*more) break;
    if (!more && !question->stream && !call.exchange.started()) {
      // Nobody saw any of it: it begins anew, elsewhere, and what broke off costs nothing.
      reservation->forgive(more.error());
      begun = co_await start_over(call, *reservation, question->ask, question->parser, *generation,
                                  std::move(more.error()));
      if (!begun) co_return std::unexpected(std::move(begun.error()));
      generation = std::move(*begun);
      if (kept != nullptr) kept->begin_anew();
      sink = sink_of(call, *question, *generation, *reservation);
      bytes.clear();
      sink->start(generation->prompt(), bytes);
      continue;
    }
    Status admitted = more ? reservation->spend(deltas) : std::unexpected(std::move(more.error()));
    if (admitted) admitted = guard.admit(deltas);
    if (!admitted) {
      if (!call.exchange.started()) reservation->forgive(admitted.error());
      Status broken = co_await writer.break_off(*sink, std::move(admitted.error()));
      co_return broken;
    }
    writer.note(deltas);
    if (kept != nullptr) kept->add(deltas);
    for (const schema::Delta& delta : deltas) sink->add(delta, bytes);
    if (!question->stream || generation->ended()) continue;  // the end leaves in one piece
    Status sent = co_await writer.send(bytes);
    if (!sent) co_return sent;
  }
  sink->finish(bytes);
  reservation->settle();
  if (kept != nullptr) kept->goes_out();
  Status finished = co_await writer.finish(bytes);
  if (!generation->drained()) co_await generation->drain();
  co_return finished;
}

Task<Status> converse(Call& call, QuestionParser parse) {
  return converse(call, parse(call.request().body, today_of(call.services.clock)));
}

Task<Status> chat(Call& call) { return converse(call, &parse_chat_question); }
Task<Status> completions(Call& call) { return converse(call, &parse_completion_question); }
Task<Status> messages(Call& call) { return converse(call, &parse_message_question); }
Task<Status> responses(Call& call) { return converse(call, &parse_response_question); }

namespace {

Result<Question> telechat_question(const Call& call, bool stream) {
  XC_TRY(schema::ChatRequest request, schema::telechat::parse_dialog(call.request().body));
  if (request.model.empty()) {
    XC_TRY(request.model, telechat_model(call));
  }
  request.stream = stream;
  return telechat_question_of(std::move(request), call.request_id);
}

}  // namespace

Task<Status> telechat_text(Call& call) { return converse(call, telechat_question(call, true)); }
Task<Status> telechat_json(Call& call) { return converse(call, telechat_question(call, false)); }

Task<Status> stored_response(Call& call) {
  co_return fail(Code::NotFound, Message::NoResponse, {call.parameter});
}

}  // namespace xc::gateway

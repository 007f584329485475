// text_completion, whole and streamed.
#include "schema/openai.h"
#include "schema/render_parts.h"

namespace xc::schema {
namespace {

void append_choice(std::string& out, std::int64_t index, std::string_view text,
                   const std::vector<LogprobEntry>* logprobs, std::optional<Finish> finish,
                   std::int64_t& offset) {
  JsonWriter w(out);
  w.text("text", text);
  w.integer("index", index);
  if (logprobs != nullptr) {
    offset = append_legacy_logprobs(w.key("logprobs"), *logprobs, offset);
  } else {
    w.raw("logprobs", "null");
  }
  if (finish) {
    w.text("finish_reason", name_of(*finish));
  } else {
    w.raw("finish_reason", "null");
  }
  w.end();
}

}  // namespace

std::string render_completion_reply(const ReplyHead& head, const Collector& answer, bool logprobs) {
  std::string out;
  JsonWriter w(out);
  write_head(w, head, "text_completion");
  std::string& choices = w.key("choices");
  choices += '[';
  for (std::size_t i = 0; i < answer.choices().size(); ++i) {
    const Choice& choice = answer.choices()[i];
    if (i > 0) choices += ',';
    std::int64_t offset = 0;
    append_choice(choices, static_cast<std::int64_t>(i), choice.content,
                  logprobs ? &choice.logprobs : nullptr, choice.finish, offset);
  }
  choices += ']';
  append_usage(w.key("usage"), answer.usage());
  w.end();
  return out;
}

std::string render_completion_chunk(const ReplyHead& head, const Delta& delta,
                                    TextOffsets* offsets) {
  std::int64_t from_here = 0;
  std::int64_t* offset = &from_here;
  if (offsets != nullptr) {
    const auto choice = static_cast<std::size_t>(delta.choice);
    if (choice >= offsets->size()) offsets->resize(choice + 1);
    offset = &(*offsets)[choice];
  }
  std::string out;
  out.reserve(256 + delta.content.size());
  JsonWriter w(out);
  write_head(w, head, "text_completion");
  if (delta.usage) {
    w.raw("choices", "[]");
    append_usage(w.key("usage"), *delta.usage);
    if (delta.timings) append_timings(w.key("timings"), *delta.timings);
  } else {
    w.key("choices") += '[';
    append_choice(out, delta.choice, delta.content,
                  delta.logprobs.empty() ? nullptr : &delta.logprobs, delta.finish, *offset);
    out += ']';
  }
  w.end();
  return out;
}

}  // namespace xc::schema

#include "gateway/sink.h"

#include <utility>
#include <vector>

#include "net/sse.h"
#include "schema/anthropic.h"
#include "schema/telechat.h"

namespace xc::gateway {
namespace {

// Gathers, then renders once: std::string(const schema::Collector&).
template <typename Render>
class WholeSink final : public Sink {
 public:
  explicit WholeSink(Render render) : render_(std::move(render)) {}

  void add(const schema::Delta& delta, std::string&) override { answer_.add(delta); }
  void finish(std::string& out) override {
    std::string answer = render_(answer_);
    out.empty() ? out.swap(answer) : void(out += answer);
  }
  void fail(const Error&, Language, std::string&) override {}

 private:
  Render render_;
  schema::Collector answer_;
};

// `data:` chunks of chat and completions, ended by [DONE]: std::string(const schema::Delta& delta,
// bool first).
template <typename Render>
class ChunkSink final : public Sink {
 public:
  ChunkSink(Render render, bool include_usage)
      : render_(std::move(render)), include_usage_(include_usage) {}

  void add(const schema::Delta& delta, std::string& out) override {
    if (delta.usage && !include_usage_) return;
    net::append_sse(out, {}, render_(delta, is_first(delta)));
  }
  void finish(std::string& out) override { net::append_sse(out, {}, "[DONE]"); }
  void fail(const Error& error, Language language, std::string& out) override {
    net::append_sse(out, {}, schema::render_error(error, language));
  }

 private:
  bool is_first(const schema::Delta& delta) {
    if (delta.usage) return false;
    const auto choice = static_cast<std::size_t>(delta.choice);  // the guard has bounded it
    if (choice >= begun_.size()) begun_.resize(choice + 1);
    const bool first = !begun_[choice];
    begun_[choice] = true;
    return first;
  }

  Render render_;
  bool include_usage_;
  std::vector<bool> begun_;
};

template <typename Render>
std::unique_ptr<Sink> whole_sink(Render render) {
  return std::make_unique<WholeSink<Render>>(std::move(render));
}

template <typename Render>
std::unique_ptr<Sink> chunk_sink(Render render, bool include_usage) {
  return std::make_unique<ChunkSink<Render>>(std::move(render), include_usage);
}

template <typename Event>
void append_all(std::string& out, const std::vector<Event>& events) {
  for (const Event& event : events) net::append_sse(out, event.name, event.data);
}

class MessageSink final : public Sink {
 public:
  MessageSink(schema::ReplyHead head, std::vector<std::string> stops)
      : events_(std::move(head), std::move(stops)) {}

  void start(const schema::Usage& known, std::string& out) override {
    append_all(out, events_.start(known));
  }
  void add(const schema::Delta& delta, std::string& out) override {
    append_all(out, events_.add(delta));
  }
  void finish(std::string& out) override { append_all(out, events_.finish()); }
  void fail(const Error& error, Language language, std::string& out) override {
    const auto event = schema::anthropic::MessageEvents::fail(error, language);
    net::append_sse(out, event.name, event.data);
  }

 private:
  schema::anthropic::MessageEvents events_;
};

// The bare text of choice 0.
class TextSink final : public Sink {
 public:
  explicit TextSink(std::string seqid) : seqid_(std::move(seqid)) {}

  std::string_view media_type() const override { return "text/plain; charset=utf-8"; }
  void add(const schema::Delta& delta, std::string& out) override {
    if (delta.choice == 0) out += delta.content;
  }
  void finish(std::string&) override {}
  // Text has no place for an error: it goes on a line of its own.
  void fail(const Error& error, Language language, std::string& out) override {
    out += '\n' + schema::telechat::render_error(error, language, seqid_) + '\n';
  }

 private:
  std::string seqid_;
};

class ResponseSink final : public Sink {
 public:
  ResponseSink(schema::ReplyHead head, const schema::responses::ResponsesRequest& request)
      : events_(std::move(head), request) {}

  void start(const schema::Usage&, std::string& out) override { append_all(out, events_.start()); }
  void add(const schema::Delta& delta, std::string& out) override {
    append_all(out, events_.add(delta));
  }
  void finish(std::string& out) override { append_all(out, events_.finish()); }
  void fail(const Error& error, Language language, std::string& out) override {
    append_all(out, events_.fail(error, language));
  }

 private:
  schema::responses::ResponseEvents events_;
};

}  // namespace

std::unique_ptr<Sink> chat_sink(schema::ReplyHead head, const schema::ChatRequest& request) {
  if (request.stream) {
    auto render = [head = std::move(head)](const schema::Delta& delta, bool first) {
      return schema::render_chat_chunk(head, delta, first);
    };
    return chunk_sink(std::move(render), request.include_usage);
  }
  auto render = [head = std::move(head), &request](const schema::Collector& answer) {
    return schema::render_chat_reply(head, answer, request.logprobs);
  };
  return whole_sink(std::move(render));
}

std::unique_ptr<Sink> completion_sink(schema::ReplyHead head,
                                      const schema::CompletionRequest& request) {
  if (request.stream) {
    auto render = [head = std::move(head), offsets = schema::TextOffsets()](
                      const schema::Delta& delta, bool) mutable {
      return schema::render_completion_chunk(head, delta, &offsets);
    };
    return chunk_sink(std::move(render), request.include_usage);
  }
  auto render = [head = std::move(head), &request](const schema::Collector& answer) {
    return schema::render_completion_reply(head, answer, request.logprobs.has_value());
  };
  return whole_sink(std::move(render));
}

std::unique_ptr<Sink> message_sink(schema::ReplyHead head, const schema::ChatRequest& request) {
  if (request.stream) return std::make_unique<MessageSink>(std::move(head), request.stop);
  auto render = [head = std::move(head), &request](const schema::Collector& answer) {
    return schema::anthropic::render_reply(head, answer, request.stop);
  };
  return whole_sink(std::move(render));
}

std::unique_ptr<Sink> telechat_sink(std::string seqid, bool stream) {
  if (stream) return std::make_unique<TextSink>(std::move(seqid));
  return whole_sink([seqid = std::move(seqid)](const schema::Collector& answer) {
    return schema::telechat::render_reply(seqid, answer);
  });
}

std::unique_ptr<Sink> response_sink(schema::ReplyHead head,
                                    const schema::responses::ResponsesRequest& request) {
  if (request.chat.stream) return std::make_unique<ResponseSink>(std::move(head), request);
  auto render = [head = std::move(head), &request](const schema::Collector& answer) {
    return schema::responses::render_reply(head, request, answer);
  };
  return whole_sink(std::move(render));
}

}  // namespace xc::gateway

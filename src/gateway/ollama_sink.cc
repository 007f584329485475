// Answers in Ollama's shape: lines of JSON, or one object.
#include <optional>
#include <utility>

#include "gateway/sink.h"

namespace xc::gateway {
namespace {

class OllamaSink final : public Sink {
 public:
  OllamaSink(schema::ReplyHead head, const schema::ollama::Request& request)
      : kind_(request.kind), stream_(request.stream()), model_(std::move(head.model)) {}

  std::string_view media_type() const override { return "application/x-ndjson"; }
  void watch(const Watch& watch) override {
    watch_ = watch;
    answer_.emplace(kind_, stream_, model_, watch.loading);
  }
  void add(const schema::Delta& delta, std::string& out) override {
    answer_->add(delta, now(), out);
  }
  void finish(std::string& out) override { answer_->finish(now(), out); }
  void fail(const Error& error, Language language, std::string& out) override {
    out += schema::ollama::render_error(error, language);
    out += '\n';
  }

 private:
  schema::ollama::Moment now() const {
    return {watch_.clock->unix_ms(), watch_.clock->now() - watch_.begun};
  }

  const schema::ollama::Kind kind_;
  const bool stream_;
  const std::string model_;
  Watch watch_;
  std::optional<schema::ollama::Answer> answer_;  // from watch() on
};

}  // namespace

std::unique_ptr<Sink> ollama_sink(schema::ReplyHead head, const schema::ollama::Request& request) {
  return std::make_unique<OllamaSink>(std::move(head), request);
}

}  // namespace xc::gateway

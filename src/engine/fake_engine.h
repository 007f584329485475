// A deterministic Engine without a model, for tests: it echoes, or plays scripts. One token is one
// Unicode character; what a step costs is told. One thread of its own, as the real engine has.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace xc::engine {

// Played when the last message (or the prompt) contains `trigger`; the first that matches counts.
struct FakeScript {
  std::string trigger;
  std::vector<schema::Delta>
      deltas;                   // one a step, given to every choice; `choice` is set by the engine
  std::optional<Error> error;   // comes after the deltas instead of finish and usage
  bool endless = false;         // plays the deltas again and again until cancelled
  std::function<void()> after;  // called on the engine thread when the deltas were taken
};

struct FakeOptions {
  std::string name = "fake";
  int context = 4096;
  int queue_max = 256;  // live requests before QueueFull
  bool chat = true, vision = false, embeddings = true, rerank = true, infill = false;
  std::chrono::microseconds prefill_per_token{0};
  std::chrono::microseconds per_step{0};
  std::uint64_t seed = 1;  // decides how an echo is cut into deltas
  std::vector<FakeScript> scripts;
};

// Asked "who asks?", chat answers with the request's context. Without a script chat answers with
// the text of the last message and complete with the prompt, cut at stops and max_tokens. Vectors
// have 8 numbers that depend on text and seed only. Relevance is the share of the query's
// characters that the document has.
class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeOptions options);
  ~FakeEngine() override;

  const Facts& facts() const override;
  Stats stats() const override;
  void hand_over() override;
  Result<std::vector<std::int32_t>> tokenize(const schema::TokenizeRequest& request) override;
  Result<std::string> detokenize(const std::vector<std::int32_t>& tokens) override;
  Result<int> count(const schema::ChatRequest& request) override;
  Result<std::unique_ptr<DeltaAnswer>> chat(const schema::ChatRequest& request,
                                            const RequestContext& context, Wake wake) override;
  Result<std::unique_ptr<DeltaAnswer>> complete(const schema::CompletionRequest& request,
                                                const RequestContext& context, Wake wake) override;
  Result<std::unique_ptr<EmbeddingAnswer>> embed(const schema::EmbeddingRequest& request,
                                                 const RequestContext& context, Wake wake) override;
  Result<std::unique_ptr<RankingAnswer>> rerank(const schema::RerankRequest& request,
                                                const RequestContext& context, Wake wake) override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace xc::engine

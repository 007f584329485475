// engine::Engine over llama.cpp: prepares jobs on the caller's thread, hands them to the engine
// thread, and turns its pieces into deltas on the reader's thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/id.h"
#include "engine/engine.h"
#include "engine/llama/answers.h"
#include "engine/llama/chat/chat_format.h"
#include "engine/llama/engine_thread.h"

namespace xc::engine::llama {

class LlamaEngine final : public Engine {
 public:
  // `backend_dir`: where libggml-cpu-*.so lie. Error: ModelFailed.
  static Result<std::unique_ptr<Engine>> open(const LoadOptions& options,
                                              const std::string& backend_dir);
  ~LlamaEngine() override;

  const Facts& facts() const override { return model_->facts(); }
  Stats stats() const override { return thread_->stats(); }
  EngineView view() const override { return thread_->view(); }
  void hand_over() override { thread_->hand_over(); }
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
  LlamaEngine() = default;
  Result<std::vector<Token>> tokens_of(const schema::Prompt& prompt) const;
  Result<std::vector<Token>> infill_of(const schema::CompletionRequest& request,
                                       const schema::Prompt& prompt) const;
  Result<RenderedChat> render(const schema::ChatRequest& request, Job& job) const;
  // answer: tokens that must have room behind the prompt.
  Status check_length(const std::vector<Token>& prompt, int max, int answer) const;
  Status check_row(const std::vector<Token>& row) const;
  Status add_samplers(Job& job, const schema::Sampling& sampling, const Constraint& constraint,
                      bool ignore_eos, int n) const;
  Result<std::unique_ptr<Job>> new_job(const RequestContext& context, const Wake& wake) const;
  Status check_tokens(const std::vector<Token>& tokens) const;
  // How an answer goes on that another process began: hand_over.cc.
  static Result<const Handover::Part*> past_of(const RequestContext& context, std::size_t index,
                                               std::size_t count);
  static schema::Sampling reseeded(schema::Sampling sampling, const Handover::Part* past);
  Status replay(const Handover::Part& part, Job& job, StreamAnswer& answer) const;
  Result<std::unique_ptr<DeltaAnswer>> launch(std::unique_ptr<Job> job,
                                              std::unique_ptr<StreamAnswer> answer,
                                              const Handover::Part* past);
  int bounded_max_tokens(const std::optional<int>& wanted, std::size_t prompt, int fallback) const;
  Result<std::unique_ptr<DeltaAnswer>> complete_one(const schema::CompletionRequest& request,
                                                    std::size_t index,
                                                    const RequestContext& context, Wake wake);
  void open_store();
  // Whether guesses are tried is decided by the clock, and a batch of another shape rounds
  // otherwise: who names a seed wants the same answer again.
  bool speculates(schema::Speculation wanted, const schema::Sampling& sampling) const {
    return wanted == schema::Speculation::Auto && !sampling.seed &&
           model_->options().speculation != "off";
  }
  std::vector<Token> rank_row(const std::string& query, const std::string& document) const;

  std::unique_ptr<Model> model_;
  std::unique_ptr<Adapters> adapters_;
  std::unique_ptr<ChatFormat> chat_;
  std::unique_ptr<Vision> vision_;
  std::unique_ptr<DraftModel> drafter_;
  std::unique_ptr<Vectors> vectors_;

  // The store outlives the engine thread that it wakes.
  class Waker {
   public:
    void set(std::function<void()> wake) {
      const std::lock_guard lock(mutex_);
      wake_ = std::move(wake);
    }
    void call() {
      const std::lock_guard lock(mutex_);
      if (wake_) wake_();
    }

   private:
    std::mutex mutex_;
    std::function<void()> wake_;
  };
  SystemClock clock_;
  SystemRandom random_;
  ChunkIdentity identity_;
  std::unique_ptr<Waker> waker_;
  std::unique_ptr<ChunkStore> store_;  // null: no chunks are kept
  std::unique_ptr<EngineThread> thread_;
};

}  // namespace xc::engine::llama

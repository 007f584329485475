// Completions, embeddings and rerank of the llama engine.
#include <algorithm>

#include "engine/llama/answers.h"
#include "engine/llama/llama_engine.h"

namespace xc::engine::llama {
namespace {

constexpr int kCompletionTokens = 16;  // OpenAI's default of max_tokens on /v1/completions

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), by);
    at += by.size();
  }
}

}  // namespace

// Non-causal models see a row in one piece, so the bound is not the context.
Status LlamaEngine::check_row(const std::vector<Token>& row) const {
  if (row.empty()) return fail_field("input", Message::PromptEmpty, {});
  if (static_cast<int>(row.size()) <= vectors_->row_max()) return {};
  return fail(Code::ContextExceeded, Message::RowTooLong,
              {std::to_string(row.size()), std::to_string(vectors_->row_max())});
}

// Prefix, suffix, middle: the order that the models with these tokens were trained on.
Result<std::vector<Token>> LlamaEngine::infill_of(const schema::CompletionRequest& request,
                                                  const schema::Prompt& prompt) const {
  if (!model_->facts().infill) {
    return fail_field("suffix", Message::NoInfill, {model_->facts().name});
  }
  const llama_vocab* vocab = model_->vocab();
  std::vector<Token> tokens{llama_vocab_fim_pre(vocab)};
  const auto append = [&tokens](const std::vector<Token>& more) {
    tokens.insert(tokens.end(), more.begin(), more.end());
  };
  append(prompt.tokens.empty() ? model_->tokenize(prompt.text, false, false) : prompt.tokens);
  tokens.push_back(llama_vocab_fim_suf(vocab));
  append(model_->tokenize(request.suffix, false, false));
  tokens.push_back(llama_vocab_fim_mid(vocab));
  return tokens;
}

Result<std::unique_ptr<DeltaAnswer>> LlamaEngine::complete_one(
    const schema::CompletionRequest& request, std::size_t index, const RequestContext& context,
    Wake wake) {
  const schema::Prompt& prompt = request.prompts[index];
  XC_TRY(const Handover::Part* past, past_of(context, index, request.prompts.size()));
  XC_TRY(std::unique_ptr<Job> job, new_job(context, wake));
  const bool infill = request.has_suffix && !request.suffix.empty();
  XC_TRY(job->prompt, infill ? infill_of(request, prompt) : tokens_of(prompt));
  const int room = request.max_tokens == 0 ? 0 : 1;  // none: the prompt is only scored
  XC_CHECK(check_length(job->prompt, model_->facts().context, room));
  job->max_tokens = bounded_max_tokens(request.max_tokens, job->prompt.size(), kCompletionTokens);
  job->top_logprobs = request.logprobs.value_or(-1);
  job->stops = request.stop;
  if (request.echo) {
    job->echo = prompt.tokens.empty() ? prompt.text : model_->detokenize(prompt.tokens);
    // What goes on from another worker was scored and said there. An infill prompt has another
    // order.
    job->score_prompt = request.logprobs && !infill && past == nullptr;
  }
  job->speculation = !job->score_prompt && speculates(request.speculation, request.sampling);
  XC_CHECK(add_samplers(*job, reseeded(request.sampling, past), Constraint{}, request.ignore_eos,
                        request.n));
  EngineThread* thread = thread_.get();
  auto answer = std::make_unique<StreamAnswer>(
      job->queue, [thread] { thread->poke(); }, request.n, nullptr, OutputForm(), nullptr);
  return launch(std::move(job), std::move(answer), past);
}

Result<std::unique_ptr<DeltaAnswer>> LlamaEngine::complete(const schema::CompletionRequest& request,
                                                           const RequestContext& context,
                                                           Wake wake) {
  std::vector<std::unique_ptr<DeltaAnswer>> parts;
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    XC_TRY(auto part, complete_one(request, i, context, wake));
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return fail_field("prompt", Message::PromptEmpty, {});
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<JoinedAnswer>(std::move(parts), request.n);
}

Result<std::unique_ptr<EmbeddingAnswer>> LlamaEngine::embed(const schema::EmbeddingRequest& request,
                                                            const RequestContext& context,
                                                            Wake wake) {
  auto job = std::make_unique<VectorJob>();
  job->context = context;
  XC_TRY(job->adapter, adapters_->find(context));
  std::int64_t prompt_tokens = 0;
  for (const schema::Prompt& input : request.inputs) {
    XC_TRY(auto row, tokens_of(input));
    XC_CHECK(check_row(row));
    prompt_tokens += static_cast<std::int64_t>(row.size());
    job->rows.push_back(std::move(row));
  }
  const int width = model_->facts().embedding;
  const int dimensions = request.dimensions.value_or(width);
  if (dimensions < 1 || dimensions > width) {
    return fail_field("dimensions", Message::OutOfRange,
                      {"dimensions", "1", std::to_string(width), std::to_string(dimensions)});
  }
  EngineThread* thread = thread_.get();
  const auto poke = [thread] { thread->poke(); };
  using Vector = VectorAnswer<schema::Embeddings>;
  job->queue = std::make_shared<Vector::Queue>(wake, poke);
  auto queue = job->queue;
  XC_CHECK(thread_->submit(std::move(job)));
  return std::make_unique<Vector>(queue, poke, [=](Vector::Rows rows) {
    schema::Embeddings answer;
    answer.prompt_tokens = prompt_tokens;
    if (dimensions < width) {  // Matryoshka: cut and make unit length again
      for (auto& row : rows) {
        row.resize(static_cast<std::size_t>(dimensions));
        normalise(row);
      }
    }
    answer.vectors = std::move(rows);
    return answer;
  });
}

// The model's own rerank template, else the classic pair: BOS query EOS SEP document EOS.
std::vector<Token> LlamaEngine::rank_row(const std::string& query,
                                         const std::string& document) const {
  if (const char* own = llama_model_chat_template(model_->get(), "rerank")) {
    std::string text = own;
    replace_all(text, "{query}", query);
    replace_all(text, "{document}", document);
    return model_->tokenize(text, false, true);
  }
  const llama_vocab* vocab = model_->vocab();
  const llama_token end =
      llama_vocab_eos(vocab) != LLAMA_TOKEN_NULL ? llama_vocab_eos(vocab) : llama_vocab_sep(vocab);
  std::vector<Token> row;
  const auto append = [&row, this](const std::string& text) {
    const auto tokens = model_->tokenize(text, false, false);
    row.insert(row.end(), tokens.begin(), tokens.end());
  };
  if (llama_vocab_get_add_bos(vocab)) row.push_back(llama_vocab_bos(vocab));
  append(query);
  if (llama_vocab_get_add_eos(vocab)) row.push_back(end);
  if (llama_vocab_get_add_sep(vocab)) row.push_back(llama_vocab_sep(vocab));
  append(document);
  if (llama_vocab_get_add_eos(vocab)) row.push_back(end);
  return row;
}

Result<std::unique_ptr<RankingAnswer>> LlamaEngine::rerank(const schema::RerankRequest& request,
                                                           const RequestContext& context,
                                                           Wake wake) {
  if (!model_->facts().rerank) {
    return fail(Code::InvalidRequest, Message::NoRerank, {model_->facts().name});
  }
  auto job = std::make_unique<VectorJob>();
  job->context = context;
  XC_TRY(job->adapter, adapters_->find(context));
  job->rank = true;
  std::int64_t prompt_tokens = 0;
  for (const std::string& document : request.documents) {
    std::vector<Token> row = rank_row(request.query, document);
    XC_CHECK(check_row(row));
    prompt_tokens += static_cast<std::int64_t>(row.size());
    job->rows.push_back(std::move(row));
  }
  EngineThread* thread = thread_.get();
  const auto poke = [thread] { thread->poke(); };
  using Vector = VectorAnswer<schema::Ranking>;
  job->queue = std::make_shared<Vector::Queue>(wake, poke);
  auto queue = job->queue;
  XC_CHECK(thread_->submit(std::move(job)));
  return std::make_unique<Vector>(queue, poke, [=](Vector::Rows rows) {
    schema::Ranking ranking;
    ranking.prompt_tokens = prompt_tokens;
    for (std::size_t i = 0; i < rows.size(); ++i) ranking.order.emplace_back(i, rows[i].front());
    std::sort(ranking.order.begin(), ranking.order.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    return ranking;
  });
}

}  // namespace xc::engine::llama

#include "engine/fake_engine.h"

#include <algorithm>
#include <utility>

#include "engine/fake_job.h"
#include "engine/fake_player.h"
#include "engine/fake_script.h"

namespace xc::engine {
namespace {

constexpr std::int32_t kVocabulary = 0x110000;

std::string text_of(const schema::Message& message) {
  std::string text;
  for (const schema::ContentPart& part : message.parts) text += part.text;
  return text;
}

// The answer to "who asks?".
std::string asker(const schema::ChatRequest& request, const RequestContext& context) {
  const bool off = request.speculation == schema::Speculation::Off;
  return "tenant=" + context.tenant + " key=" + context.key +
         " priority=" + std::to_string(context.priority) +
         " speculation=" + (off ? "off" : "auto") +
         (context.adapter.empty() ? ""
                                  : " adapter=" + context.adapter + "/" + context.adapter_digest);
}

std::string text_of(const schema::Prompt& prompt) {
  return prompt.tokens.empty() ? prompt.text : fake_text(prompt.tokens);
}

// No answer: the choices end at once.
void only_prompt(FakeJob& job) {
  schema::Delta end;
  end.finish = schema::Finish::Length;
  for (auto& deltas : job.choices) deltas = {end};
}

// The prompt before each answer, scored where the answer is.
void echo(FakeJob& job, const schema::CompletionRequest& request) {
  for (std::size_t i = 0; i < job.choices.size(); ++i) {
    schema::Delta before;
    before.content = text_of(request.prompts[i / static_cast<std::size_t>(request.n)]);
    if (request.logprobs) before.logprobs = fake_scores(before.content);
    job.choices[i].insert(job.choices[i].begin(), std::move(before));
  }
  job.echoed = 1;
}

Facts facts_of(const FakeOptions& options) {
  Facts facts;
  facts.name = options.name;
  facts.architecture = "fake";
  facts.description = "fake engine";
  facts.digest = "fa4e0000fa4e0000";
  facts.context = options.context;
  facts.cells = options.context;
  facts.vocabulary = kVocabulary;
  facts.embedding = 8;
  facts.chat = options.chat;
  facts.vision = options.vision;
  facts.embeddings = options.embeddings;
  facts.rerank = options.rerank;
  facts.infill = options.infill;
  facts.cpu_variant = "none";
  facts.self_test = "ok";
  return facts;
}

Result<int> check_prompt(const Facts& facts, std::size_t tokens) {
  if (tokens == 0) return fail(Code::InvalidRequest, Message::PromptEmpty);
  if (tokens > static_cast<std::size_t>(facts.context)) {
    return fail(Code::ContextExceeded, Message::PromptTooLong,
                {std::to_string(tokens), std::to_string(facts.context)});
  }
  return static_cast<int>(tokens);
}

}  // namespace

struct FakeEngine::Parts {
  explicit Parts(FakeOptions options) : facts(facts_of(options)), player(std::move(options)) {}
  const Facts facts;
  FakePlayer player;
};

FakeEngine::FakeEngine(FakeOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {}
FakeEngine::~FakeEngine() = default;

const Facts& FakeEngine::facts() const { return parts_->facts; }

Stats FakeEngine::stats() const { return parts_->player.stats(); }
void FakeEngine::hand_over() { parts_->player.hand_over(); }

Result<std::vector<std::int32_t>> FakeEngine::tokenize(const schema::TokenizeRequest& request) {
  return fake_tokens(request.text);
}

Result<std::string> FakeEngine::detokenize(const std::vector<std::int32_t>& tokens) {
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= kVocabulary) {
      return fail(Code::InvalidRequest, Message::BadToken,
                  {std::to_string(token), std::to_string(kVocabulary)});
    }
  }
  return fake_text(tokens);
}

Result<int> FakeEngine::count(const schema::ChatRequest& request) {
  std::size_t tokens = 0;
  for (const schema::Message& message : request.messages) {
    tokens += fake_tokens(text_of(message)).size();
  }
  return static_cast<int>(tokens);
}

Result<std::unique_ptr<DeltaAnswer>> FakeEngine::chat(const schema::ChatRequest& request,
                                                      const RequestContext& context, Wake wake) {
  const Facts& known = parts_->facts;
  if (!known.chat) return fail(Code::InvalidRequest, Message::NoChat, {known.name});
  for (const schema::Message& message : request.messages) {
    for (const schema::ContentPart& part : message.parts) {
      if (part.image && !known.vision) {
        return fail(Code::InvalidRequest, Message::NoVision, {known.name});
      }
    }
  }
  XC_TRY(const int asked, count(request));
  XC_TRY(const int prompt, check_prompt(parts_->facts, static_cast<std::size_t>(asked)));
  FakeJob job;
  job.usage.prompt_tokens = prompt;
  const FakeLimits limits{request.stop, request.max_tokens.value_or(0), request.logprobs};
  std::string said = text_of(request.messages.back());
  if (said == "who asks?") said = asker(request, context);
  parts_->player.prepare(job, said, request.n, limits);
  fake_resume(job, context.resume.get());
  return parts_->player.submit(std::move(job), std::move(wake));
}

Result<std::unique_ptr<DeltaAnswer>> FakeEngine::complete(const schema::CompletionRequest& request,
                                                          const RequestContext& context,
                                                          Wake wake) {
  // No tenants, no priorities, no deadline: the fake is fair by turns.
  if (request.has_suffix && !parts_->facts.infill) {
    return fail(Code::InvalidRequest, Message::NoInfill, {parts_->facts.name});
  }
  const FakeLimits limits{request.stop, request.max_tokens.value_or(16),
                          request.logprobs.has_value()};
  FakeJob job;
  for (const schema::Prompt& prompt : request.prompts) {
    const std::string text = text_of(prompt);
    XC_TRY(const int tokens, check_prompt(parts_->facts, fake_tokens(text).size()));
    job.usage.prompt_tokens += tokens;
    parts_->player.prepare(job, text, request.n, limits);
  }
  if (request.max_tokens == 0) only_prompt(job);
  if (request.echo) echo(job, request);
  fake_resume(job, context.resume.get());
  return parts_->player.submit(std::move(job), std::move(wake));
}

Result<std::unique_ptr<EmbeddingAnswer>> FakeEngine::embed(const schema::EmbeddingRequest& request,
                                                           const RequestContext& context,
                                                           Wake wake) {
  static_cast<void>(context);
  if (!parts_->facts.embeddings) {
    return fail(Code::InvalidRequest, Message::NoEmbeddings, {parts_->facts.name});
  }
  schema::Embeddings answer;
  for (const schema::Prompt& input : request.inputs) {
    const std::string text = text_of(input);
    XC_TRY(const int tokens, check_prompt(parts_->facts, fake_tokens(text).size()));
    answer.prompt_tokens += tokens;
    answer.vectors.push_back(fake_vector(text, parts_->player.options().seed));
  }
  wake();
  return std::make_unique<FakeVectors<schema::Embeddings>>(std::move(answer));
}

Result<std::unique_ptr<RankingAnswer>> FakeEngine::rerank(const schema::RerankRequest& request,
                                                          const RequestContext& context,
                                                          Wake wake) {
  static_cast<void>(context);
  if (!parts_->facts.rerank) {
    return fail(Code::InvalidRequest, Message::NoRerank, {parts_->facts.name});
  }
  schema::Ranking answer;
  for (std::size_t i = 0; i < request.documents.size(); ++i) {
    answer.order.emplace_back(i, fake_relevance(request.query, request.documents[i]));
    answer.prompt_tokens += static_cast<std::int64_t>(fake_tokens(request.documents[i]).size());
  }
  const auto better = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  std::ranges::sort(answer.order, better);
  wake();
  return std::make_unique<FakeVectors<schema::Ranking>>(std::move(answer));
}

}  // namespace xc::engine

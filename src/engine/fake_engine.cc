#include "engine/fake_engine.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/core/answer_queue.h"
#include "engine/fake_script.h"

namespace xc::engine {
namespace {

using DeltaQueue = AnswerQueue<Result<schema::Delta>>;

constexpr std::int32_t kVocabulary = 0x110000;
constexpr int kHandedOver = -1;  // choice of the delta that says: look at the handover

// One live request. Filled by the caller's thread, then owned by the engine thread.
struct Job {
  std::shared_ptr<DeltaQueue> queue;
  std::vector<std::vector<schema::Delta>> choices;  // per choice, one delta a step
  std::size_t step = 0;
  bool endless = false;
  bool prefilled = false;
  std::optional<Error> error;
  std::function<void()> after;
  schema::Usage usage;
  std::shared_ptr<Handover> left = std::make_shared<Handover>();  // written before kHandedOver
};

// A fake token of an answer is a delta: its number is all that a handover needs.
Handover::Part part_of(const Job& job) {
  Handover::Part part;
  for (const auto& deltas : job.choices) {
    const std::size_t taken = job.endless ? job.step : std::min(job.step, deltas.size());
    Handover::Choice choice;
    for (std::size_t i = 0; i < taken; ++i) {
      choice.tokens.push_back(static_cast<std::int32_t>(i));
      choice.generated += deltas[i % deltas.size()].finish ? 0 : 1;
    }
    choice.finished = !job.endless && taken == deltas.size();
    part.choices.push_back(std::move(choice));
  }
  if (job.step == 0) part.choices.clear();
  return part;
}

void resume(Job& job, const Handover* past) {
  if (past == nullptr) return;
  for (const Handover::Choice& choice : past->parts.front().choices) {
    job.prefilled = true;
    job.step = std::max(job.step, choice.tokens.size());
    job.usage.completion_tokens += choice.generated;
  }
}

// The reader's end of a Job.
class QueuedAnswer final : public DeltaAnswer {
 public:
  QueuedAnswer(std::shared_ptr<DeltaQueue> queue, std::shared_ptr<const Handover> left)
      : queue_(std::move(queue)), left_(std::move(left)) {}
  ~QueuedAnswer() override { queue_->cancel(); }

  std::optional<Result<schema::Delta>> poll() override {
    std::optional<Result<schema::Delta>> item = queue_->pop();
    if (item && (!*item || (*item)->usage)) ended_ = true;
    if (!item || !*item || (*item)->choice != kHandedOver) return item;
    ended_ = handed_over_ = true;
    return std::nullopt;
  }
  bool ended() const override { return ended_; }
  const Handover* handover() const override { return handed_over_ ? left_.get() : nullptr; }

 private:
  std::shared_ptr<DeltaQueue> queue_;
  std::shared_ptr<const Handover> left_;
  bool ended_ = false;
  bool handed_over_ = false;
};

// An answer that is there from the start.
template <typename T>
class ReadyAnswer final : public Answer<T> {
 public:
  explicit ReadyAnswer(T value) : value_(std::move(value)) {}
  std::optional<Result<T>> poll() override {
    if (!value_) return std::nullopt;
    Result<T> out = std::move(*value_);
    value_.reset();
    return out;
  }
  bool ended() const override { return !value_; }

 private:
  std::optional<T> value_;
};

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

}  // namespace

struct FakeEngine::Parts {
  explicit Parts(FakeOptions o) : options(std::move(o)), facts(facts_of(options)) {}

  // Adds n choices that answer `text` to the job.
  void play(Job& job, std::string_view text, int n, const FakeLimits& limits) const;
  Result<int> check_prompt(std::size_t tokens) const;
  Result<std::unique_ptr<DeltaAnswer>> submit(Job job, Wake wake);
  void run();
  // One step of one job; false when it is over.
  bool step(Job& job);
  void finish(Job& job);
  static void hand_over(Job& job);

  const FakeOptions options;
  const Facts facts;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<Job> arrived;
  Stats counters;
  bool stopping = false;
  bool leaving = false;
  bool nudged = false;
  std::thread thread;
};

void FakeEngine::Parts::play(Job& job, std::string_view text, int n,
                             const FakeLimits& limits) const {
  const auto matches = [text](const FakeScript& s) { return text.find(s.trigger) != text.npos; };
  const auto script = std::ranges::find_if(options.scripts, matches);
  const bool scripted = script != options.scripts.end();
  for (int choice = 0; choice < n; ++choice) {
    SeededRandom random(options.seed + static_cast<std::uint64_t>(choice));
    job.choices.push_back(scripted ? script->deltas : fake_deltas(text, limits, random));
  }
  if (!scripted) return;
  job.endless = script->endless;
  job.error = script->error;
  job.after = script->after;
}

Result<int> FakeEngine::Parts::check_prompt(std::size_t tokens) const {
  if (tokens == 0) return fail(Code::InvalidRequest, Message::PromptEmpty);
  if (tokens > static_cast<std::size_t>(options.context)) {
    return fail(Code::ContextExceeded, Message::PromptTooLong,
                {std::to_string(tokens), std::to_string(options.context)});
  }
  return static_cast<int>(tokens);
}

Result<std::unique_ptr<DeltaAnswer>> FakeEngine::Parts::submit(Job job, Wake wake) {
  const auto on_space = [this] {
    const std::lock_guard lock(mutex);
    nudged = true;
    changed.notify_one();
  };
  job.queue = std::make_shared<DeltaQueue>(std::move(wake), on_space);
  auto answer = std::make_unique<QueuedAnswer>(job.queue, job.left);
  const std::lock_guard lock(mutex);
  if (counters.queued + counters.running >= options.queue_max) {
    return fail(Code::RateLimited, Message::QueueFull, {std::to_string(options.queue_max), "1"});
  }
  ++counters.requests_total;
  ++counters.queued;
  counters.prompt_tokens_asked += static_cast<std::uint64_t>(job.usage.prompt_tokens);
  arrived.push_back(std::move(job));
  changed.notify_one();
  return answer;
}

void FakeEngine::Parts::run() {
  std::vector<Job> live;
  for (;;) {
    {
      std::unique_lock lock(mutex);
      // Parked jobs wait for space or cancellation, and cancellation is not announced: look again.
      const auto due = [this] { return stopping || nudged || !arrived.empty(); };
      const bool parked = std::ranges::all_of(live, [](const Job& j) { return j.queue->full(); });
      if (live.empty())
        changed.wait(lock, due);
      else if (parked)
        changed.wait_for(lock, std::chrono::milliseconds(5), due);
      if (stopping) return;
      nudged = false;
      for (Job& job : arrived) live.push_back(std::move(job));
      arrived.clear();
      counters.queued = 0;
      counters.running = static_cast<int>(live.size());
      ++counters.steps;
      if (leaving) {
        for (Job& job : live) hand_over(job);
        live.clear();
        counters.running = 0;
        continue;
      }
    }
    if (options.per_step.count() > 0) std::this_thread::sleep_for(options.per_step);
    std::erase_if(live, [this](Job& job) { return !step(job); });
    const std::lock_guard lock(mutex);
    counters.running = static_cast<int>(live.size());
  }
}

bool FakeEngine::Parts::step(Job& job) {
  if (job.queue->cancelled()) {
    const std::lock_guard lock(mutex);
    ++counters.requests_cancelled;
    return false;
  }
  if (job.queue->full()) return true;
  if (!job.prefilled) {
    job.prefilled = true;
    std::this_thread::sleep_for(options.prefill_per_token * job.usage.prompt_tokens);
    const std::lock_guard lock(mutex);
    counters.prompt_tokens_computed += static_cast<std::uint64_t>(job.usage.prompt_tokens);
  }
  bool more = false;
  for (std::size_t choice = 0; choice < job.choices.size(); ++choice) {
    const std::vector<schema::Delta>& deltas = job.choices[choice];
    const std::size_t at = job.endless ? job.step % deltas.size() : job.step;
    if (at >= deltas.size()) continue;
    more = true;
    schema::Delta delta = deltas[at];
    delta.choice = static_cast<int>(choice);
    if (job.step == 0 && choice == 0) delta.prompt = job.usage;
    if (!delta.finish) ++job.usage.completion_tokens;
    job.queue->push(std::move(delta));
  }
  ++job.step;
  if (!more) finish(job);
  return more;
}

void FakeEngine::Parts::hand_over(Job& job) {
  job.left->parts = {part_of(job)};
  schema::Delta sign;
  sign.choice = kHandedOver;
  job.queue->push(std::move(sign));
}

void FakeEngine::Parts::finish(Job& job) {
  if (job.after) job.after();
  const bool failed = job.error.has_value();
  {
    const std::lock_guard lock(mutex);
    counters.tokens_generated += static_cast<std::uint64_t>(job.usage.completion_tokens);
    counters.requests_failed += failed ? 1 : 0;
  }
  if (failed) return job.queue->push(std::unexpected(std::move(*job.error)));
  schema::Delta last;
  last.usage = job.usage;
  job.queue->push(std::move(last));
}

FakeEngine::FakeEngine(FakeOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {
  parts_->thread = std::thread([parts = parts_.get()] { parts->run(); });
}

FakeEngine::~FakeEngine() {
  {
    const std::lock_guard lock(parts_->mutex);
    parts_->stopping = true;
    parts_->changed.notify_one();
  }
  parts_->thread.join();
}

void FakeEngine::hand_over() {
  const std::lock_guard lock(parts_->mutex);
  parts_->leaving = parts_->nudged = true;
  parts_->changed.notify_one();
}

const Facts& FakeEngine::facts() const { return parts_->facts; }

Stats FakeEngine::stats() const {
  const std::lock_guard lock(parts_->mutex);
  Stats stats = parts_->counters;
  stats.cells = parts_->options.context;
  return stats;
}

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
  XC_TRY(const int prompt, parts_->check_prompt(static_cast<std::size_t>(asked)));
  Job job;
  job.usage.prompt_tokens = prompt;
  const FakeLimits limits{request.stop, request.max_tokens.value_or(0), request.logprobs};
  std::string said = text_of(request.messages.back());
  if (said == "who asks?") said = asker(request, context);
  parts_->play(job, said, request.n, limits);
  resume(job, context.resume.get());
  return parts_->submit(std::move(job), std::move(wake));
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
  Job job;
  for (const schema::Prompt& prompt : request.prompts) {
    const std::string text = text_of(prompt);
    XC_TRY(const int tokens, parts_->check_prompt(fake_tokens(text).size()));
    job.usage.prompt_tokens += tokens;
    parts_->play(job, text, request.n, limits);
  }
  for (std::size_t i = 0; request.echo && i < job.choices.size(); ++i) {
    const std::size_t prompt = i / static_cast<std::size_t>(request.n);
    schema::Delta before;
    before.content = text_of(request.prompts[prompt]);
    job.choices[i].insert(job.choices[i].begin(), std::move(before));
  }
  resume(job, context.resume.get());
  return parts_->submit(std::move(job), std::move(wake));
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
    XC_TRY(const int tokens, parts_->check_prompt(fake_tokens(text).size()));
    answer.prompt_tokens += tokens;
    answer.vectors.push_back(fake_vector(text, parts_->options.seed));
  }
  wake();
  return std::make_unique<ReadyAnswer<schema::Embeddings>>(std::move(answer));
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
  return std::make_unique<ReadyAnswer<schema::Ranking>>(std::move(answer));
}

}  // namespace xc::engine

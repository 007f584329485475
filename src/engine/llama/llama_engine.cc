#include "engine/llama/llama_engine.h"

#include <fmt/core.h>
#include <ggml-backend.h>
#include <sys/stat.h>

#include <algorithm>
#include <functional>

#include "base/id.h"
#include "engine/core/cores.h"
#include "engine/llama/answers.h"
#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

ggml_type kv_type_of(const std::string& name) {
  for (const ggml_type type :
       {GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_F32, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0}) {
    if (name == ggml_type_name(type)) return type;
  }
  return GGML_TYPE_F16;
}

ContextPtr open_context(const Model& model) {
  const LoadOptions& o = model.options();
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(model.facts().cells);
  params.n_batch = static_cast<std::uint32_t>(o.batch);
  params.n_ubatch = static_cast<std::uint32_t>(o.micro_batch);
  params.n_seq_max = static_cast<std::uint32_t>(o.sequences + 1);  // one to copy through
  params.kv_unified = true;
  params.n_threads = o.threads;
  params.n_threads_batch = o.threads;
  params.type_k = kv_type_of(o.kv_type);
  params.type_v = params.type_k;
  params.no_perf = true;
  // A step asks for logits of one row a sequence, of the guesses and of a few tokens of prompts
  // that are scored, not of every token: a row is four bytes a word, twice (graph and output).
  params.n_outputs_max =
      params.n_seq_max + static_cast<std::uint32_t>(limits::kDraftRows + limits::kScoreRows);
  return ContextPtr(llama_init_from_model(model.get(), params));
}

// Of a file that is named by hand: another one may come in its place.
std::string version_of(const std::string& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return fmt::format(" {} {}.{:09}", facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
}

// Everything besides tokens and tenant that decides the bytes of a chunk.
ChunkIdentity chunk_identity(const Model& model) {
  ChunkIdentity identity;
  // Models of one shape have equal headers, whatever they were taught; the catalogue names a file
  // of weights by the SHA-256 of its bytes.
  const std::string& path = model.options().model_path;
  const std::string name = path.substr(path.rfind('/') + 1);
  identity.model = model.facts().digest + " " + name;
  if (!name.starts_with("sha256-")) identity.model += version_of(path);
  identity.program = fmt::format("xingcha-kv-1 state-{}", LLAMA_STATE_SEQ_VERSION);
  identity.k_type = identity.v_type = model.options().kv_type;
  identity.layout = "unified";
  const auto value = [&model](const char* name) {
    return model.metadata((model.facts().architecture + name).c_str());
  };
  identity.rope = fmt::format("{} {} {} {}", value(".rope.freq_base"), value(".rope.scaling.type"),
                              value(".rope.scaling.factor"),
                              static_cast<int>(llama_model_rope_type(model.get())));
  return identity;
}

std::string adapter_folder(const LoadOptions& options) {
  if (!options.adapter_folder.empty()) return options.adapter_folder;
  const std::size_t cut = options.model_path.rfind('/');
  return cut == std::string::npos ? "." : options.model_path.substr(0, cut);
}

std::string new_call_id() {
  static SystemRandom random;
  return make_id(random, "call_", 24);
}

}  // namespace

Result<std::unique_ptr<Engine>> LlamaEngine::open(const LoadOptions& given,
                                                  const std::string& backend_dir) {
  capture_log();
  XC_TRY(const BackendReport backends, load_backends(backend_dir));
  llama_backend_init();
  LoadOptions options = given;
  if (options.threads <= 0) options.threads = cores_granted();
  std::unique_ptr<LlamaEngine> engine(new LlamaEngine());
  XC_TRY(engine->model_, Model::open(options, backends));
  Model& model = *engine->model_;
  ContextPtr context = open_context(model);
  if (context == nullptr) {
    return fail(Code::Unavailable, Message::ModelFailed, {options.name, last_error_logged()});
  }
  engine->chat_ = ChatFormat::open(model);
  model.facts().chat = engine->chat_ != nullptr;
  model.facts().thinking = engine->chat_ != nullptr && engine->chat_->thinking();
  if (!options.projector_path.empty()) {
    XC_TRY(engine->vision_, Vision::open(model, options.projector_path));
    model.facts().vision = true;
  }
  if (!options.draft_path.empty()) {
    XC_TRY(engine->drafter_, DraftModel::open(model, backends));
  }
  engine->vectors_ = std::make_unique<Vectors>(model);
  engine->adapters_ = std::make_unique<Adapters>(model, adapter_folder(options));
  engine->open_store();
  engine->thread_ = std::make_unique<EngineThread>(model, std::move(context), *engine->adapters_,
                                                   engine->vision_.get(), engine->vectors_.get(),
                                                   engine->drafter_.get(), engine->store_.get());
  engine->waker_->set([thread = engine->thread_.get()] { thread->poke(); });
  return std::unique_ptr<Engine>(std::move(engine));
}

LlamaEngine::~LlamaEngine() {
  if (waker_ != nullptr) waker_->set(nullptr);
  thread_.reset();
  if (store_ != nullptr) store_->flush(limits::kChunkFlushTimeout);
}

// Chunks are a cache: without them everything works, only slower.
void LlamaEngine::open_store() {
  const LoadOptions& load = model_->options();
  waker_ = std::make_unique<Waker>();
  if (load.chunk_ram_mib <= 0 || !model_->can_share_prefixes()) return;
  ChunkStoreOptions options;
  options.ram_bytes_max = divided(static_cast<std::uint64_t>(load.chunk_ram_mib) << 20U).chunks;
  if (load.chunk_disk_mib > 0 && !load.chunk_folder.empty()) {
    options.folder = load.chunk_folder;
    options.disk_bytes_max = static_cast<std::uint64_t>(load.chunk_disk_mib) << 20U;
  }
  identity_ = chunk_identity(*model_);
  const auto wake = [waker = waker_.get()] { waker->call(); };
  auto store = ChunkStore::open(options, clock_, random_, wake);
  if (store) store_ = std::move(*store);
}

Result<std::vector<std::int32_t>> LlamaEngine::tokenize(const schema::TokenizeRequest& request) {
  return model_->tokenize(request.text, request.add_special, request.parse_special);
}

Result<std::string> LlamaEngine::detokenize(const std::vector<std::int32_t>& tokens) {
  XC_TRY(const std::vector<Token> checked, tokens_of(schema::Prompt{{}, tokens}));
  return model_->detokenize(checked);
}

Result<std::vector<Token>> LlamaEngine::tokens_of(const schema::Prompt& prompt) const {
  if (prompt.tokens.empty()) return model_->tokenize(prompt.text, true, true);
  XC_CHECK(check_tokens(prompt.tokens));
  return prompt.tokens;
}

Status LlamaEngine::check_tokens(const std::vector<Token>& tokens) const {
  for (const Token token : tokens) {
    if (token < 0 || token >= model_->facts().vocabulary) {
      return fail_field("prompt", Message::BadToken,
                        {std::to_string(token), std::to_string(model_->facts().vocabulary)});
    }
  }
  return {};
}

// Never cut a prompt silently: the error says both numbers.
Status LlamaEngine::check_length(const std::vector<Token>& prompt, int max, int answer) const {
  if (prompt.empty()) return fail_field("prompt", Message::PromptEmpty, {});
  if (static_cast<int>(prompt.size()) + answer <= max) return {};
  return fail(Code::ContextExceeded, Message::PromptTooLong,
              {std::to_string(prompt.size()), std::to_string(max)});
}

int LlamaEngine::bounded_max_tokens(const std::optional<int>& wanted, std::size_t prompt,
                                    int fallback) const {
  const int room = model_->facts().context - static_cast<int>(prompt);
  return std::min(wanted.value_or(fallback), room);
}

Result<std::unique_ptr<Job>> LlamaEngine::new_job(const RequestContext& context,
                                                  const Wake& wake) const {
  auto job = std::make_unique<Job>();
  job->context = context;
  XC_TRY(job->adapter, adapters_->find(context));
  if (store_ != nullptr) {
    ChunkIdentity identity = identity_;
    if (job->adapter != nullptr) identity.lora = job->adapter->digest + " 1";  // and its scale
    auto space = store_->open_space(identity, context.tenant);
    if (space) job->space = std::move(*space);
  }
  job->arrived = std::chrono::steady_clock::now();
  EngineThread* thread = thread_.get();
  job->queue = std::make_shared<PieceQueue>(wake, [thread] { thread->poke(); });
  return job;
}

Status LlamaEngine::add_samplers(Job& job, const schema::Sampling& sampling,
                                 const Constraint& constraint, bool ignore_eos, int n) const {
  SystemRandom random;
  const auto seed = static_cast<std::uint32_t>(random.next());
  XC_TRY(auto first, Sampler::make(*model_, sampling, constraint, ignore_eos, seed));
  for (int i = 1; i < n; ++i) job.samplers.push_back(first->fork(static_cast<std::uint32_t>(i)));
  job.samplers.insert(job.samplers.begin(), std::move(first));
  for (auto& sampler : job.samplers) sampler->accept_prompt(job.prompt);
  return {};
}

Result<RenderedChat> LlamaEngine::render(const schema::ChatRequest& request, Job& job) const {
  if (chat_ == nullptr) {
    return fail(Code::InvalidRequest, Message::NoChat, {model_->facts().name});
  }
  XC_TRY(RenderedChat rendered, chat_->render(request));
  if (rendered.images.empty()) {
    job.prompt = model_->tokenize(rendered.prompt, false, true);
    return rendered;
  }
  if (vision_ == nullptr) {
    return fail_field("messages", Message::NoVision, {model_->facts().name});
  }
  XC_TRY(Vision::Cut cut, vision_->cut(rendered.prompt, rendered.images));
  job.prompt = std::move(cut.tokens);
  job.media = std::move(cut.media);
  return rendered;
}

Result<int> LlamaEngine::count(const schema::ChatRequest& request) {
  Job job;
  XC_TRY(const RenderedChat rendered, render(request, job));
  (void)rendered;
  return static_cast<int>(job.prompt.size());
}

Result<std::unique_ptr<DeltaAnswer>> LlamaEngine::chat(const schema::ChatRequest& request,
                                                       const RequestContext& context, Wake wake) {
  XC_TRY(const Handover::Part* past, past_of(context, 0, 1));
  XC_TRY(std::unique_ptr<Job> job, new_job(context, wake));
  XC_TRY(RenderedChat rendered, render(request, *job));
  XC_CHECK(check_length(job->prompt, model_->facts().context, 1));
  job->max_tokens =
      bounded_max_tokens(request.max_tokens, job->prompt.size(), model_->facts().context);
  job->top_logprobs = request.logprobs ? request.top_logprobs : -1;
  job->stops = std::move(rendered.stops);
  job->speculation = speculates(request.speculation, request.sampling);
  for (const std::string& text : rendered.constraint.preserved) {
    const auto tokens = model_->tokenize(text, false, true);
    if (tokens.size() == 1) job->preserved.insert(tokens.front());
  }
  XC_CHECK(add_samplers(*job, reseeded(request.sampling, past), rendered.constraint,
                        request.ignore_eos, request.n));
  EngineThread* thread = thread_.get();
  auto answer = std::make_unique<StreamAnswer>(
      job->queue, [thread] { thread->poke(); }, request.n, rendered.parser, rendered.form,
      new_call_id);
  return launch(std::move(job), std::move(answer), past);
}

}  // namespace xc::engine::llama

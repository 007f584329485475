// What a model process offers to its HTTP side: an engine behind an interface. The real one is
// engine/llama (a plug-in library that only `xingcha worker` loads); tests use engine/fake_engine.
//
// Threads: every call is thread-safe. chat(), complete() … render, tokenise and check on the
// calling thread (milliseconds: call from a worker I/O thread), then queue; one engine thread owns
// the model and never waits for a reader. Answers are pulled with poll(); `wake` is called from
// the engine thread, at most once between two polls, when there is something to pull.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "engine/stats.h"
#include "schema/chat.h"
#include "schema/openai.h"

namespace xc::engine {

struct LoadOptions {
  std::string name;            // for messages
  std::string model_path;      // GGUF
  std::string projector_path;  // mmproj GGUF, empty: text only
  std::string draft_path;      // GGUF of a smaller model that guesses ahead; empty: none
  int context = 8192;          // tokens one request may use; bounded by the model's training length
  int cells = 0;       // KV cells in all, shared by all requests; 0: the larger of context and 8192
  int sequences = 64;  // requests that may be live at once
  int threads = 0;     // 0: the cores this process may use
  int batch = 2048;    // tokens a step at most
  int micro_batch = 512;
  std::string kv_type = "f16";        // f16, bf16, f32, q8_0, q4_0
  int gpu_layers = -1;                // -1: all, when there is a device
  schema::Sampling sampling;          // the model's defaults from the catalogue
  int queue_max = 256;                // waiting requests
  int queue_per_tenant_max = 192;     // of them of one tenant
  int target_tbt_ms = 250;            // between two tokens of a stream while prompts are computed
  int target_tbt_interactive_ms = 0;  // the same for this class; 0: as above
  int target_tbt_background_ms = 0;   // the same
  int chunk_ram_mib = 512;            // KV chunks kept in RAM; 0: none
  int chunk_disk_mib = 4096;          // and on disk; 0: none
  std::string chunk_folder;           // empty: nothing on disk
  std::string speculation = "auto";   // or off, whatever a request says
  std::string adapter_folder;         // files sha256-<digest>; empty: where model_path lies
};

struct Facts {
  std::string name;
  std::string architecture;
  std::string description;  // "qwen2 1.5B Q4_K - Medium"
  std::string digest;       // of the weights' header: names this model in fingerprints
  int context = 0;
  int cells = 0;
  int vocabulary = 0;
  int embedding = 0;  // width
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  bool chat = false, vision = false, embeddings = false, rerank = false, infill = false;
  bool thinking = false;    // the template knows a thinking switch
  std::string cpu_variant;  // "cascadelake", …
  std::vector<std::string> devices;
  std::string self_test;  // "ok", or why the chosen variant was given up
};

// What an answer has said when its worker hands it over: enough for another worker with the same
// model to go on. See docs/decisions/0011-hand-over.md.
struct Handover {
  struct Choice {
    std::vector<std::int32_t> tokens;  // generated; those that end an answer are not in it
    int generated = 0;                 // as they count in usage
    bool finished = false;             // its finish was said
  };
  struct Part {                      // one a prompt
    std::int64_t cached_tokens = 0;  // of the prompt, as usage says
    std::vector<Choice> choices;     // empty: nothing was said yet
  };
  std::vector<Part> parts;
};

struct RequestContext {
  std::string request_id;
  std::string tenant;  // from the authenticated key, never from the request's body
  std::string key;     // its id; fairness is tenant, then key, then request
  int priority = 1;    // 0 first, 1 normal, 2 background
  Deadline deadline = Deadline::never();
  std::string adapter;         // LoRA adapter, by its name …
  std::string adapter_digest;  // … and the SHA-256 of its file, from the catalogue; empty: none
  // Set: the answer goes on where another worker left it. Deltas that were said are not said again;
  // usage is that of the whole answer.
  std::shared_ptr<const Handover> resume;
};

using Wake = std::function<void()>;

// The stream of one request. Destroying it cancels: decoding stops within one step and the
// sequence is freed. poll() from one thread at a time.
template <typename T>
class Answer {
 public:
  virtual ~Answer() = default;
  // The next item; nullopt when there is none now. After an error or the last item (for deltas:
  // the one with usage) nothing follows and ended() is true.
  virtual std::optional<Result<T>> poll() = 0;
  virtual bool ended() const = 0;
  // Once ended: set when the engine left before the answer was whole (Engine::hand_over). Every
  // token in it was said by deltas before.
  virtual const Handover* handover() const { return nullptr; }
};
using DeltaAnswer = Answer<schema::Delta>;
using EmbeddingAnswer = Answer<schema::Embeddings>;
using RankingAnswer = Answer<schema::Ranking>;

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const Facts& facts() const = 0;
  virtual Stats stats() const = 0;
  virtual EngineView view() const { return {}; }
  // This process is about to be replaced: between two steps every answer that runs ends with a
  // handover(), as do those that are asked for later; vectors end with ShuttingDown. What the cache
  // holds goes to the chunk store. Returns at once; any thread; cannot be taken back.
  virtual void hand_over() = 0;

  virtual Result<std::vector<std::int32_t>> tokenize(const schema::TokenizeRequest& request) = 0;
  virtual Result<std::string> detokenize(const std::vector<std::int32_t>& tokens) = 0;
  // Tokens of the rendered prompt.
  virtual Result<int> count(const schema::ChatRequest& request) = 0;

  // Errors at once: NoChat, NoVision, BadImage, BadTemplate, BadSchema, PromptTooLong, PromptEmpty,
  // BadToken, NoInfill, QueueFull.
  virtual Result<std::unique_ptr<DeltaAnswer>> chat(const schema::ChatRequest& request,
                                                    const RequestContext& context, Wake wake) = 0;
  virtual Result<std::unique_ptr<DeltaAnswer>> complete(const schema::CompletionRequest& request,
                                                        const RequestContext& context,
                                                        Wake wake) = 0;
  virtual Result<std::unique_ptr<EmbeddingAnswer>> embed(const schema::EmbeddingRequest& request,
                                                         const RequestContext& context,
                                                         Wake wake) = 0;
  virtual Result<std::unique_ptr<RankingAnswer>> rerank(const schema::RerankRequest& request,
                                                        const RequestContext& context,
                                                        Wake wake) = 0;
};

// Loads the llama.cpp engine from the plug-in library beside the program
// (libxingcha-llama.so) and the model in it. Blocking, seconds. Error: ModelFailed.
Result<std::unique_ptr<Engine>> open_llama_engine(const LoadOptions& options);

}  // namespace xc::engine

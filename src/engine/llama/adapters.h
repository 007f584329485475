// The LoRA adapters of one model. An adapter is known by the digest of its file and has a number
// that no other one gets; its weights are loaded when a step first needs them, and stay until
// others need their place. Whoever holds a Ref uses the adapter: it is not freed.
//
// find() and stats() are thread-safe; apply() is the engine thread's own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/llama/model.h"

namespace xc::engine::llama {

class Adapters {
 public:
  struct Adapter;
  using Ref = std::shared_ptr<Adapter>;  // null: the model alone

  // folder: where the files lie, each named sha256-<digest>. The model outlives this and frees what
  // is loaded at the end.
  Adapters(const Model& model, std::string folder) : model_(model), folder_(std::move(folder)) {}

  // The adapter that a request names; null when it names none. Error: NoAdapter, QueueFull while
  // limits::kAdaptersLoadedMax others are in use.
  Result<Ref> find(const RequestContext& context);

  // The next decode of this context computes with the adapter. Error: ModelFailed with what the
  // loader said.
  Status apply(llama_context* context, const Ref& adapter);

  struct Loaded {
    int count = 0;
    std::uint64_t bytes = 0;
    std::uint64_t switches = 0;  // of what a context computes with
  };
  Loaded stats() const;

 private:
  Status load(Adapter& adapter);
  void free_idle();

  const Model& model_;
  const std::string folder_;
  mutable std::mutex mutex_;          // all below
  std::map<std::string, Ref> known_;  // by digest
  std::map<llama_context*, Ref> applied_;
  std::uint64_t numbers_ = 0, clock_ = 0;
  Loaded loaded_;
};

struct Adapters::Adapter {
  std::uint64_t number = 0;  // from 1
  std::string name;          // as the first request called it, for messages
  std::string digest;
  llama_adapter_lora* handle = nullptr;  // null: not loaded
  std::uint64_t bytes = 0;               // while loaded
  std::uint64_t used_at = 0;
};

}  // namespace xc::engine::llama

#include "engine/llama/adapters.h"

#include <algorithm>
#include <filesystem>

#include "base/limits.h"
#include "engine/chunks/chunk_key.h"
#include "engine/llama/log_capture.h"

namespace xc::engine::llama {
namespace {

// Held by the list and by nobody else. (What a context computes with next is not use: it can be
// taken away between two steps.)
bool is_idle(const Adapters::Ref& adapter, const std::map<llama_context*, Adapters::Ref>& applied) {
  const auto held = std::count_if(applied.begin(), applied.end(),
                                  [&](const auto& entry) { return entry.second == adapter; });
  return adapter.use_count() == 1 + held;
}

}  // namespace

Result<Adapters::Ref> Adapters::find(const RequestContext& context) {
  if (context.adapter.empty()) return Ref();
  // Part of a path: exactly 64 digits.
  if (!digest_of_hex(context.adapter_digest)) {
    return fail(Code::NotFound, Message::NoAdapter, {model_.facts().name, context.adapter});
  }
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(context.adapter_digest);
  const bool is_new = known == known_.end();
  std::size_t in_use = 0;
  for (const auto& [digest, other] : known_) {
    if (digest != context.adapter_digest && !is_idle(other, applied_)) ++in_use;
  }
  if (in_use >= limits::kAdaptersLoadedMax) {
    return fail(
        Error{Code::RateLimited, Message::QueueFull, {std::to_string(in_use), "1"}, {}, {}, 1});
  }
  if (!is_new) return known->second;
  if (known_.size() >= limits::kAdaptersKnownMax) {
    std::erase_if(known_, [this](const auto& entry) {
      return entry.second->handle == nullptr && is_idle(entry.second, applied_);
    });
  }
  auto adapter = std::make_shared<Adapter>();
  adapter->number = ++numbers_;
  adapter->name = context.adapter;
  adapter->digest = context.adapter_digest;
  known_.emplace(adapter->digest, adapter);
  return adapter;
}

Status Adapters::apply(llama_context* context, const Ref& adapter) {
  const std::lock_guard lock(mutex_);
  Ref& applied = applied_[context];
  if (adapter != nullptr) adapter->used_at = ++clock_;
  if (applied == adapter) return {};
  if (adapter != nullptr && adapter->handle == nullptr) XC_CHECK(load(*adapter));
  llama_adapter_lora* handle = adapter != nullptr ? adapter->handle : nullptr;
  float scale = 1;
  const int set = llama_set_adapters_lora(context, &handle, handle != nullptr ? 1 : 0, &scale);
  if (set != 0) return fail_internal("the adapter was refused: " + last_error_logged());
  applied = adapter;
  ++loaded_.switches;
  return {};
}

Status Adapters::load(Adapter& adapter) {
  if (static_cast<std::size_t>(loaded_.count) >= limits::kAdaptersLoadedMax) free_idle();
  const std::string path = folder_ + "/sha256-" + adapter.digest;
  adapter.handle = llama_adapter_lora_init(model_.get(), path.c_str());
  if (adapter.handle == nullptr) {
    return fail(Code::Unavailable, Message::ModelFailed,
                {model_.facts().name + ":" + adapter.name, last_error_logged()});
  }
  std::error_code unknown;
  const std::uintmax_t bytes = std::filesystem::file_size(path, unknown);
  adapter.bytes = unknown ? 0 : bytes;
  ++loaded_.count;
  loaded_.bytes += adapter.bytes;
  return {};
}

// The least recently used one that nobody uses. find() sees to it that there is one.
void Adapters::free_idle() {
  Ref oldest;
  for (const auto& [digest, adapter] : known_) {
    if (adapter->handle == nullptr || (oldest != nullptr && adapter->used_at > oldest->used_at)) {
      continue;
    }
    if (is_idle(adapter, applied_)) oldest = adapter;
  }
  if (oldest == nullptr) return;
  for (auto& [context, applied] : applied_) {
    if (applied != oldest) continue;
    llama_set_adapters_lora(context, nullptr, 0, nullptr);  // it keeps pointers
    applied = nullptr;
  }
  llama_adapter_lora_free(oldest->handle);
  oldest->handle = nullptr;
  --loaded_.count;
  loaded_.bytes -= oldest->bytes;
}

Adapters::Loaded Adapters::stats() const {
  const std::lock_guard lock(mutex_);
  return loaded_;
}

}  // namespace xc::engine::llama

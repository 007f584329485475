#include "engine/llama/cell_order.h"

#include <dlfcn.h>
#include <link.h>
#include <llama-kv-cache-iswa.h>
#include <llama-kv-cache.h>
#include <llama-memory-hybrid.h>
#include <llama.h>

#include <algorithm>
#include <cstring>

#include "engine/llama/kernels/cache_order.h"

namespace xc::engine::llama {
namespace {

std::vector<const llama_kv_cache*> caches_of(llama_context* context) {
  llama_memory_i* memory = llama_get_memory(context);
  std::vector<const llama_kv_cache*> caches;
  if (const auto* hybrid = dynamic_cast<llama_memory_hybrid*>(memory)) {
    memory = hybrid->get_mem_attn();
  }
  if (const auto* plain = dynamic_cast<llama_kv_cache*>(memory)) caches.push_back(plain);
  if (const auto* windows = dynamic_cast<llama_kv_cache_iswa*>(memory)) {
    caches = {windows->get_base(), windows->get_swa()};
  }
  std::erase_if(caches,
                [](const llama_kv_cache* c) { return c == nullptr || c->get_n_stream() != 1; });
  return caches;
}

// Of the CPU variants in this process; one of them computes.
std::vector<kernels::OrderCache> kernels_here() {
  std::vector<kernels::OrderCache> found;
  const auto visit = [](dl_phdr_info* library, std::size_t, void* into) {
    if (std::strstr(library->dlpi_name, "libggml-cpu-") == nullptr) return 0;
    void* handle = dlopen(library->dlpi_name, RTLD_NOW | RTLD_NOLOAD);
    if (handle == nullptr) return 0;
    if (void* symbol = dlsym(handle, kernels::kOrderCache)) {
      static_cast<std::vector<kernels::OrderCache>*>(into)->push_back(
          reinterpret_cast<kernels::OrderCache>(symbol));
    }
    dlclose(handle);
    return 0;
  };
  dl_iterate_phdr(visit, &found);
  return found;
}

}  // namespace

struct CellOrder::Part {
  const llama_kv_cells* cells;
  std::vector<const void*> keys;  // where the K of each layer begins
  std::vector<std::int32_t> positions;

  static const std::int32_t* look(void* self, std::int64_t count) {
    Part& part = *static_cast<Part*>(self);
    const auto size = static_cast<std::uint32_t>(
        std::min<std::int64_t>(count, static_cast<std::int64_t>(part.positions.size())));
    for (std::uint32_t i = 0; i < size; ++i) {
      part.positions[i] = part.cells->is_empty(i) ? -1 : part.cells->pos_get(i);
    }
    return part.positions.data();
  }
};

CellOrder::CellOrder(llama_context* context) {
  const std::vector<kernels::OrderCache> kernels = kernels_here();
  for (const llama_kv_cache* cache : caches_of(context)) {
    auto part = std::make_unique<Part>();
    part->cells = &cache->get_cells(0);
    part->positions.resize(cache->get_size(), -1);
    for (const std::uint32_t layer : cache->get_layer_ids()) {
      part->keys.push_back(cache->get_k_storage(static_cast<std::int32_t>(layer))->data);
      for (const auto tell : kernels) tell(part->keys.back(), Part::look, part.get());
    }
    parts_.push_back(std::move(part));
  }
}

CellOrder::~CellOrder() {
  for (const auto& part : parts_) {
    for (const auto tell : kernels_here()) {
      for (const void* keys : part->keys) tell(keys, nullptr, nullptr);
    }
  }
}

}  // namespace xc::engine::llama

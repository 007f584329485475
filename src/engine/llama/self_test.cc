// One matrix product per weight type, computed by two builds of the CPU backend.
#include <dlfcn.h>
#include <fmt/core.h>
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>

#include <cmath>
#include <memory>
#include <vector>

#include "engine/llama/backend.h"

namespace xc::engine::llama {
namespace {

constexpr std::int64_t kInner = 512;  // two super-blocks of q4_K, and an AMX tile row
constexpr std::int64_t kRows = 64;
constexpr double kErrorMax = 1e-3;  // relative, of the squared norm; rounding orders differ

// Deterministic values in (-1, 1).
float value_at(std::uint64_t i) {
  std::uint64_t z = (i + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  return static_cast<float>(static_cast<double>(z >> 11) / 4503599627370496.0 - 1.0);
}

std::vector<float> values(std::int64_t count, std::uint64_t seed) {
  std::vector<float> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = value_at(i + seed * 1'000'003);
  return out;
}

struct Library {
  ggml_backend_reg_t reg = nullptr;
  ggml_backend_dev_t device = nullptr;
  ggml_backend_t backend = nullptr;

  explicit Library(const std::string& path) {
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return;
    auto* init = reinterpret_cast<ggml_backend_reg_t (*)()>(dlsym(handle, "ggml_backend_init"));
    if (init == nullptr) return;
    reg = init();
    device = ggml_backend_reg_dev_get(reg, 0);
    backend = ggml_backend_dev_init(device, nullptr);
  }
  // The default buffer type and those that repack weights (AMX, aarch64 …).
  std::vector<ggml_backend_buffer_type_t> buffer_types() const {
    std::vector<ggml_backend_buffer_type_t> types{ggml_backend_dev_buffer_type(device)};
    auto* extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
        ggml_backend_reg_get_proc_address(reg, "ggml_backend_dev_get_extra_bufts"));
    if (extra == nullptr) return types;
    for (auto* list = extra(device); list != nullptr && *list != nullptr; ++list) {
      types.push_back(*list);
    }
    return types;
  }
};

struct ContextFree {
  void operator()(ggml_context* c) const { ggml_free(c); }
};
struct BufferFree {
  void operator()(ggml_backend_buffer* b) const { ggml_backend_buffer_free(b); }
};
using ContextPtr = std::unique_ptr<ggml_context, ContextFree>;
using BufferPtr = std::unique_ptr<ggml_backend_buffer, BufferFree>;

ContextPtr make_context() {
  const ggml_init_params params{ggml_tensor_overhead() * 16 + ggml_graph_overhead(), nullptr, true};
  return ContextPtr(ggml_init(params));
}

// weights [kInner, kRows] × input [kInner, columns]; empty when this buffer type does not do it.
std::vector<float> product(const Library& library, ggml_backend_buffer_type_t buft, ggml_type type,
                           std::int64_t columns) {
  const ContextPtr weight_ctx = make_context();
  const ContextPtr ctx = make_context();
  ggml_tensor* weights = ggml_new_tensor_2d(weight_ctx.get(), type, kInner, kRows);
  ggml_tensor* input = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, kInner, columns);
  ggml_tensor* output = ggml_mul_mat(ctx.get(), weights, input);
  ggml_cgraph* graph = ggml_new_graph(ctx.get());
  ggml_build_forward_expand(graph, output);

  const BufferPtr weight_buffer(ggml_backend_alloc_ctx_tensors_from_buft(weight_ctx.get(), buft));
  if (weight_buffer == nullptr) return {};
  if (!ggml_backend_dev_supports_op(library.device, output)) return {};
  const BufferPtr buffer(ggml_backend_alloc_ctx_tensors_from_buft(
      ctx.get(), ggml_backend_dev_buffer_type(library.device)));
  if (buffer == nullptr) return {};

  const std::vector<float> plain = values(kInner * kRows, 1);
  std::vector<std::uint8_t> packed(ggml_row_size(type, kInner) * static_cast<std::size_t>(kRows));
  ggml_quantize_chunk(type, plain.data(), packed.data(), 0, kRows, kInner, nullptr);
  ggml_backend_tensor_set(weights, packed.data(), 0, packed.size());
  const std::vector<float> in = values(kInner * columns, 2);
  ggml_backend_tensor_set(input, in.data(), 0, in.size() * sizeof(float));
  if (ggml_backend_graph_compute(library.backend, graph) != GGML_STATUS_SUCCESS) return {};
  std::vector<float> out(static_cast<std::size_t>(kRows * columns));
  ggml_backend_tensor_get(output, out.data(), 0, out.size() * sizeof(float));
  return out;
}

double error_of(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double norm = 1e-12;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - b[i];
    difference += d * d;
    norm += static_cast<double>(b[i]) * b[i];
  }
  return difference / norm;
}

}  // namespace

std::string compare_variants(const std::string& path, const std::string& plain_path) {
  const Library chosen(path);
  const Library plain(plain_path);
  if (chosen.backend == nullptr || plain.backend == nullptr) return "cannot be loaded";
  for (const ggml_type type : {GGML_TYPE_F16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_K, GGML_TYPE_Q4_1}) {
    for (const std::int64_t columns : {std::int64_t{1}, std::int64_t{64}}) {
      const auto expected =
          product(plain, ggml_backend_dev_buffer_type(plain.device), type, columns);
      for (ggml_backend_buffer_type_t buft : chosen.buffer_types()) {
        const auto got = product(chosen, buft, type, columns);
        if (got.empty()) continue;  // this buffer type does not take this product
        const double error = error_of(got, expected);
        if (!(error <= kErrorMax)) {
          return fmt::format("{} {} x{}: error {:.1e}", ggml_backend_buft_name(buft),
                             ggml_type_name(type), columns, error);
        }
      }
    }
  }
  return {};
}

}  // namespace xc::engine::llama

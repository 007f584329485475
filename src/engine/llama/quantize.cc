// The plug-in's side of engine/quantize.h.
#include "engine/quantize.h"

#include <llama.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

namespace xc::engine::llama {
namespace {

static_assert(LLAMA_FTYPE_MOSTLY_Q4_K_M == 15 && LLAMA_FTYPE_MOSTLY_Q6_K == 18 &&
              LLAMA_FTYPE_MOSTLY_Q8_0 == 7 && LLAMA_FTYPE_MOSTLY_Q2_K == 10 &&
              LLAMA_FTYPE_MOSTLY_Q5_1 == 9 && LLAMA_FTYPE_MOSTLY_Q4_0 == 2);

constexpr std::size_t kRowBytesMax = 128u << 20;

struct Cancelled : std::exception {
  const char* what() const noexcept override { return "cancelled"; }
};

struct Listener {
  const QuantizeProgress* progress;
  std::string error;  // the last line of that level
  bool cancelled = false;
};

// The library tells of its progress in its log only: "[  12/ 290] blk.0.attn_q.weight …" before
// each tensor. That is also the one moment at which it can be stopped: no thread of it runs, and
// llama_model_quantize catches what is thrown.
void on_log(ggml_log_level level, const char* text, void* data) {
  auto& listener = *static_cast<Listener*>(data);
  if (level == GGML_LOG_LEVEL_ERROR) {
    listener.error = text;
    while (listener.error.ends_with('\n')) listener.error.pop_back();
  }
  int number = 0, all = 0;
  if (std::sscanf(text, "[%d/%d]", &number, &all) != 2 || number < 1) return;
  if (*listener.progress && !(*listener.progress)(number - 1, all)) {
    listener.cancelled = true;
    throw Cancelled();
  }
}

Status run(const QuantizeOptions& options, const QuantizeProgress& progress) {
  const auto type = std::ranges::find(kQuantizeTypes, options.type, &QuantizeType::name);
  if (type == kQuantizeTypes.end()) {
    return fail(Code::InvalidRequest, Message::QuantizeFailed, {options.input, options.type});
  }
  Listener listener{&progress, {}, false};
  llama_log_set(on_log, &listener);
  llama_model_quantize_params params = llama_model_quantize_default_params();
  params.nthread = options.threads;
  params.ftype = static_cast<llama_ftype>(type->number);
  params.allow_requantize = true;  // from q8_0; the caller refuses what has lost more already
  params.max_buf_size = kRowBytesMax;
  const bool failed =
      llama_model_quantize(options.input.c_str(), options.output.c_str(), &params) != 0;
  llama_log_set(nullptr, nullptr);
  if (listener.cancelled) return fail(Code::Cancelled, Message::Cancelled, {options.input});
  if (!failed) return {};
  return fail(Code::InvalidRequest, Message::QuantizeFailed,
              {options.input,
               listener.error.empty() ? "the library gave no reason" : std::move(listener.error)});
}

}  // namespace
}  // namespace xc::engine::llama

extern "C" __attribute__((visibility("default"))) xc::Status* xc_quantize(
    const xc::engine::QuantizeOptions* options, const xc::engine::QuantizeProgress* progress) {
  return new xc::Status(xc::engine::llama::run(*options, *progress));
}

#include "engine/quantize.h"

#include <dlfcn.h>

#include <filesystem>
#include <memory>

namespace xc::engine {

Status quantize(const QuantizeOptions& options, const QuantizeProgress& progress) {
  std::error_code failed;
  const std::string path =
      std::filesystem::read_symlink("/proc/self/exe", failed).parent_path().string() +
      "/libxingcha-llama.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return fail(Code::Unavailable, Message::QuantizeFailed,
                {options.input, reason != nullptr ? reason : path});
  }
  using Quantize = Status* (*)(const QuantizeOptions*, const QuantizeProgress*);
  auto* run = reinterpret_cast<Quantize>(dlsym(library, "xc_quantize"));
  if (run == nullptr) {
    return fail(Code::Unavailable, Message::QuantizeFailed,
                {options.input, path + " is of another version"});
  }
  const std::unique_ptr<Status> result(run(&options, &progress));
  return std::move(*result);
}

}  // namespace xc::engine

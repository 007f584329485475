// Loads the engine plug-in. The gateway's process never does, so it links no inference library.
#include <dlfcn.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "engine/engine.h"

namespace xc::engine {
namespace {

std::string program_dir() {
  std::array<char, 4096> path{};
  const ssize_t n = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string text(path.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::size_t slash = text.rfind('/');
  return slash == std::string::npos ? "." : text.substr(0, slash);
}

}  // namespace

Result<std::unique_ptr<Engine>> open_llama_engine(const LoadOptions& options) {
  const std::string path = program_dir() + "/libxingcha-llama.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    return fail(Code::Unavailable, Message::ModelFailed,
                {options.name, reason != nullptr ? reason : path});
  }
  using Open = Result<std::unique_ptr<Engine>>* (*)(const LoadOptions*);
  auto* open = reinterpret_cast<Open>(dlsym(library, "xc_open_llama_engine"));
  if (open == nullptr) {
    return fail(Code::Unavailable, Message::ModelFailed,
                {options.name, path + " is of another version"});
  }
  const std::unique_ptr<Result<std::unique_ptr<Engine>>> result(open(&options));
  return std::move(*result);
}

}  // namespace xc::engine

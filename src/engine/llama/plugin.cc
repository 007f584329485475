// What the program calls after dlopen. Same compiler, same headers: C++ types cross the border.
#include <dlfcn.h>

#include <string>

#include "engine/llama/llama_engine.h"

extern "C" __attribute__((visibility("default"))) xc::Result<std::unique_ptr<xc::engine::Engine>>*
xc_open_llama_engine(const xc::engine::LoadOptions* options) {
  Dl_info self{};
  std::string dir = ".";
  if (dladdr(reinterpret_cast<void*>(&xc_open_llama_engine), &self) != 0) {
    const std::string path = self.dli_fname;
    const std::size_t slash = path.rfind('/');
    if (slash != std::string::npos) dir = path.substr(0, slash);
  }
  return new xc::Result<std::unique_ptr<xc::engine::Engine>>(
      xc::engine::llama::LlamaEngine::open(*options, dir));
}

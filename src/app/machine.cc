#include "app/machine.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace xc::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPlugin = "libxingcha-llama.so";
constexpr std::string_view kPrefix = "libggml-";
constexpr std::string_view kCpuPrefix = "libggml-cpu-";
constexpr std::string_view kSuffix = ".so";
constexpr std::array<std::string_view, 18> kFeatures{
    "sse4_2",   "avx",      "f16c",        "fma",         "avx2",        "avx_vnni",
    "avx512f",  "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16",
    "amx_int8", "asimd",    "asimddp",     "i8mm",        "sve",         "sve2"};

std::string after_colon(const std::string& line) {
  const std::size_t colon = line.find(':');
  const std::size_t start = line.find_first_not_of(" \t", colon + 1);
  return colon == std::string::npos || start == std::string::npos ? "" : line.substr(start);
}

int find_base(dl_phdr_info* info, std::size_t, void* out) {
  const std::string_view path = info->dlpi_name != nullptr ? info->dlpi_name : "";
  if (path.find("libggml-base") == std::string_view::npos) return 0;
  *static_cast<std::string*>(out) = fs::path(path).parent_path().string();
  return 1;
}

// What the library itself says of this machine; 0: it cannot run here.
int score_of(const std::string& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return 0;
  const auto score = reinterpret_cast<int (*)()>(::dlsym(handle, "ggml_backend_score"));
  const int value = score != nullptr ? score() : 0;
  ::dlclose(handle);
  return value;
}

}  // namespace

Cpu cpu_of(const std::string& cpuinfo) {
  Cpu cpu;
  std::istringstream in(cpuinfo);
  std::string flags;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("processor")) ++cpu.cores;
    if (line.starts_with("model name") && cpu.model.empty()) cpu.model = after_colon(line);
    const bool listed = line.starts_with("flags") || line.starts_with("Features");
    if (listed && flags.empty()) flags = " " + after_colon(line) + " ";
  }
  for (const std::string_view feature : kFeatures) {
    if (flags.find(" " + std::string(feature) + " ") != std::string::npos) {
      cpu.features.emplace_back(feature);
    }
  }
  return cpu;
}

Cpu cpu_here() {
  std::ifstream in("/proc/cpuinfo");
  std::ostringstream text;
  text << in.rdbuf();
  Cpu cpu = cpu_of(text.str());
  if (cpu.cores == 0) cpu.cores = static_cast<int>(std::thread::hardware_concurrency());
  return cpu;
}

EngineLibraries engine_libraries(const std::string& program) {
  EngineLibraries found;
  std::error_code failed;
  const fs::path beside = fs::path(program).parent_path() / kPlugin;
  if (!fs::exists(beside, failed)) return found;
  found.plugin = beside.string();
  if (::dlopen(found.plugin.c_str(), RTLD_LAZY | RTLD_LOCAL) == nullptr) {
    found.problem = ::dlerror();
    return found;
  }
  ::dl_iterate_phdr(find_base, &found.folder);
  if (found.folder.empty()) found.folder = beside.parent_path().string();
  std::vector<std::pair<int, std::string>> scored;
  for (const auto& entry : fs::directory_iterator(found.folder, failed)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const bool cpu = name.starts_with(kCpuPrefix);
    const std::size_t cut = cpu ? kCpuPrefix.size() : kPrefix.size();
    const std::string kind = name.substr(cut, name.size() - cut - kSuffix.size());
    if (!cpu) {
      if (kind != "base") found.accelerators.push_back(kind);
      continue;
    }
    const int score = score_of(entry.path().string());
    if (score > 0) scored.emplace_back(score, kind);
  }
  std::ranges::sort(scored, std::greater<>());
  for (auto& [score, name] : scored) found.cpu_variants.push_back(std::move(name));
  return found;
}

}  // namespace xc::app

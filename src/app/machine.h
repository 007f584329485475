// What this machine offers to models. Reads /proc and the libraries beside the program.
#pragma once

#include <string>
#include <vector>

namespace xc::app {

struct Cpu {
  std::string model;
  int cores = 0;
  std::vector<std::string> features;  // those that speed models up: avx2, avx512f, amx_int8 …
};
Cpu cpu_here();
// The same from the text of /proc/cpuinfo. Pure.
Cpu cpu_of(const std::string& cpuinfo);

struct EngineLibraries {
  std::string plugin;                     // path of libxingcha-llama.so, empty when absent
  std::string problem;                    // why it cannot be loaded
  std::string folder;                     // where the backends are
  std::vector<std::string> cpu_variants;  // that run on this machine, best first
  std::vector<std::string> accelerators;  // cuda, cann, musa, vulkan … as files, not tried
};
// Loads the plug-in into this process to find the backends: for `doctor` only.
EngineLibraries engine_libraries(const std::string& program);

}  // namespace xc::app

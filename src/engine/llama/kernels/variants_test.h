// The CPU variants of the model library that run on this machine.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

struct Variant {
  std::string name;
  void* library;
  void* symbol(const char* name_of_it) const { return dlsym(library, name_of_it); }
};

inline std::vector<Variant> variants() {
  std::vector<Variant> found;
  for (const auto& entry : std::filesystem::directory_iterator(XC_LLAMA_BIN)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("libggml-cpu-") || !name.ends_with(".so")) continue;
    void* library = dlopen(entry.path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    const auto score = reinterpret_cast<int (*)()>(dlsym(library, "ggml_backend_score"));
    if (score == nullptr || score() == 0) continue;                   // not for this CPU
    reinterpret_cast<void (*)()>(dlsym(library, "ggml_cpu_init"))();  // its table of half floats
    found.push_back({name, library});
  }
  return found;
}

// A test that found no variant with a kernel has tested nothing.
inline void expect_some(int with_kernel) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) EXPECT_GT(with_kernel, 0);
#else
  static_cast<void>(with_kernel);
#endif
}

// Picks and loads the compute backends of this machine. The CPU library has one build per
// instruction set (libggml-cpu-*.so); the best one that passes a self-test is used.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace xc::engine::llama {

struct BackendReport {
  std::string cpu_variant;           // "cascadelake"
  std::string self_test;             // "ok", or which variants were given up and why
  std::vector<std::string> devices;  // "CPU: Intel(R) …", "CUDA0: …"
};

// Once per process, before any thread (the self-test runs in a forked child, because a wrong
// variant may die of SIGILL). `dir`: where the backend libraries lie. Error: ModelFailed.
Result<BackendReport> load_backends(const std::string& dir);

// Computes matrix products (f16, q8_0, q4_K, q4_1; one and 64 columns; every buffer type that the
// variant offers, which is where AMX hides) with the variant at `path` and with the plain one, and
// returns an empty string when they agree, else what differs. May crash when the variant is wrong.
std::string compare_variants(const std::string& path, const std::string& plain_path);

}  // namespace xc::engine::llama

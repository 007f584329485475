#include "engine/llama/backend.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fmt/core.h>
#include <ggml-backend.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace xc::engine::llama {
namespace {

struct Variant {
  std::string path;
  std::string name;
  int score = 0;  // what the library says of this machine; 0: cannot run here
};

constexpr std::string_view kPrefix = "libggml-cpu-";
constexpr std::string_view kSuffix = ".so";

std::vector<std::string> files_in(const std::string& dir) {
  std::vector<std::string> names;
  DIR* handle = opendir(dir.c_str());
  if (handle == nullptr) return names;
  while (const dirent* entry = readdir(handle)) names.emplace_back(entry->d_name);
  closedir(handle);
  std::sort(names.begin(), names.end());
  return names;
}

bool is_between(const std::string& name, std::string_view prefix, std::string_view suffix) {
  return name.starts_with(prefix) && name.ends_with(suffix) &&
         name.size() > prefix.size() + suffix.size();
}

std::vector<Variant> cpu_variants(const std::string& dir) {
  std::vector<Variant> variants;
  for (const std::string& name : files_in(dir)) {
    if (!is_between(name, kPrefix, kSuffix)) continue;
    Variant v;
    v.path = dir + "/" + name;
    v.name = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
    if (void* handle = dlopen(v.path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      if (auto* score = reinterpret_cast<int (*)()>(dlsym(handle, "ggml_backend_score"))) {
        v.score = score();
      }
      dlclose(handle);
    }
    if (v.score > 0) variants.push_back(std::move(v));
  }
  std::sort(variants.begin(), variants.end(),
            [](const Variant& a, const Variant& b) { return a.score > b.score; });
  return variants;
}

// "" when the child says that the variant computes as the plain one does.
std::string test_in_child(const Variant& variant, const Variant& plain) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_ends[0]);
    const std::string verdict = compare_variants(variant.path, plain.path);
    const ssize_t written = write(pipe_ends[1], verdict.data(), verdict.size());
    _exit(verdict.empty() && written == 0 ? 0 : 1);
  }
  close(pipe_ends[1]);
  if (child < 0) {
    close(pipe_ends[0]);
    return "no child";
  }
  std::string verdict(512, '\0');
  const ssize_t got = read(pipe_ends[0], verdict.data(), verdict.size());
  verdict.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return fmt::format("died of signal {}", WTERMSIG(status));
  return verdict;
}

void load_accelerators(const std::string& dir) {
  for (const std::string& name : files_in(dir)) {
    const bool backend = is_between(name, "libggml-", kSuffix) && !name.starts_with(kPrefix) &&
                         name != "libggml-base.so";
    if (backend) ggml_backend_load((dir + "/" + name).c_str());
  }
}

}  // namespace

Result<BackendReport> load_backends(const std::string& dir) {
  const std::vector<Variant> variants = cpu_variants(dir);
  if (variants.empty()) {
    return fail(Code::Unavailable, Message::ModelFailed,
                {"", fmt::format("no CPU backend in {} runs on this machine", dir)});
  }
  const Variant& plain = variants.back();
  BackendReport report;
  std::string given_up;
  for (const Variant& variant : variants) {
    const std::string verdict = &variant == &plain ? std::string() : test_in_child(variant, plain);
    if (!verdict.empty()) {
      given_up += fmt::format("{}{}: {}", given_up.empty() ? "" : "; ", variant.name, verdict);
      continue;
    }
    if (ggml_backend_load(variant.path.c_str()) == nullptr) continue;
    report.cpu_variant = variant.name;
    break;
  }
  load_accelerators(dir);
  report.self_test = given_up.empty() ? "ok" : "gave up " + given_up;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    report.devices.push_back(
        fmt::format("{}: {}", ggml_backend_dev_name(device), ggml_backend_dev_description(device)));
  }
  if (report.cpu_variant.empty()) {
    return fail(Code::Unavailable, Message::ModelFailed, {"", "no CPU backend could be loaded"});
  }
  return report;
}

}  // namespace xc::engine::llama

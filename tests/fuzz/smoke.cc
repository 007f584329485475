// Runs every fuzz target over its seeds (corpus/<target>/*) and over seeded mutations of them:
// what `./x fuzz` explores for minutes, in a second, in every test run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#define XC_TARGETS(X)                                                                   \
  X(http)                                                                               \
  X(sse)                                                                                \
  X(gguf)                                                                               \
  X(config)                                                                             \
  X(chat_request)                                                                       \
  X(completion_request)                                                                 \
  X(embedding_request) X(rerank_request) X(messages_request) X(ollama_request)          \
      X(responses_request) X(reply_chunk) X(safetensors) X(torch_file) X(sentencepiece) \
          X(tokenizer_json) X(hf_config) X(chunk_file) X(audit_file) X(identity) X(openid)

#define XC_DECLARE(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
XC_TARGETS(XC_DECLARE)

namespace {

constexpr int kMutationsPerSeed = 400;

struct Target {
  const char* name;
  int (*run)(const std::uint8_t*, std::size_t);
};
constexpr Target kTargets[] = {
#define XC_ROW(name) {#name, fuzz_##name},
    XC_TARGETS(XC_ROW)
#undef XC_ROW
};

std::string mutated(std::string text, std::mt19937& random) {
  const auto below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
    const std::size_t at = below(text.size() + 1);
    switch (below(4)) {
      case 0:
        text.insert(at, 1, static_cast<char>(random()));
        break;
      case 1:
        text.erase(at, below(16));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      default:
        text.insert(at, text.substr(below(text.size() + 1), below(64)));
    }
  }
  return text;
}

std::vector<std::string> seeds_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry);
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const Target& target : kTargets) {
    const auto seeds = seeds_in(std::filesystem::path(argv[1]) / target.name);
    if (seeds.empty()) {
      std::fprintf(stderr, "%s has no seeds\n", target.name);
      return 1;
    }
    std::mt19937 random(7);
    for (const std::string& seed : seeds) {
      for (int i = 0; i <= kMutationsPerSeed; ++i) {
        const std::string input = i == 0 ? seed : mutated(seed, random);
        target.run(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
      }
    }
    std::printf("%s: %zu seeds\n", target.name, seeds.size());
  }
  return 0;
}

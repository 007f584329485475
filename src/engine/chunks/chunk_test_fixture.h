// What the tests of the chunk store share: a folder, sequences of tokens, chunks.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>

#include "base/id.h"
#include "base/test_folder.h"
#include "engine/chunks/chunk_key.h"

namespace xc::engine {

class ChunkTestFolder {
 public:
  std::string chunks() const { return folder_.path("data/chunks"); }
  std::string keys() const { return chunks() + "/keys"; }

  std::vector<std::filesystem::path> files(const std::string& extension) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.root())) {
      if (entry.is_regular_file() && entry.path().extension() == extension) {
        found.push_back(entry.path());
      }
    }
    return found;
  }

 private:
  TestFolder folder_;
};

inline ChunkIdentity identity_of(const std::string& model = "model-a") {
  ChunkIdentity identity;
  identity.model = model;
  identity.program = "b1";
  identity.k_type = identity.v_type = "f16";
  identity.layout = "unified";
  identity.rope = "10000/1";
  return identity;
}

inline Digest secret_of(std::uint8_t seed) {
  Digest secret{};
  secret.fill(seed);
  return secret;
}

// `count` chunks of tokens from `start` on.
inline std::vector<Token> tokens_from(Token start, std::size_t chunks) {
  std::vector<Token> tokens(chunks * kChunkTokens);
  std::iota(tokens.begin(), tokens.end(), start);
  return tokens;
}

inline ChunkChain chain_of(const ChunkSpaceRef& space, Token start, std::size_t chunks) {
  ChunkChain chain(space);
  chain.extend(tokens_from(start, chunks));
  return chain;
}

// Bytes that differ from key to key.
inline KvBytes payload_of(const ChunkLink& link, std::size_t size) {
  KvBytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(link.key[i % link.key.size()] + i / link.key.size());
  }
  return bytes;
}

inline ChunkRef chunk_of(const ChunkLink& link, std::size_t size) {
  return std::make_shared<const Chunk>(link, payload_of(link, size), 0, size, ByteHold());
}

inline bool has_payload(const Chunk& chunk, std::size_t size) {
  const auto expected = payload_of(chunk.link(), size);
  return std::ranges::equal(chunk.payload(), expected);
}

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void spill(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

}  // namespace xc::engine

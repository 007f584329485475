// What a chunk is and how it is named. A chunk is the KV bytes of 256 consecutive tokens; its key
// is a hash of everything that decides these bytes: the model and its settings, the tenant, and
// every token from the start of the sequence. Pure; immutable values are thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crypto/hex.h"
#include "engine/chunks/chunk_cipher.h"
#include "engine/chunks/kv_bytes.h"
#include "engine/core/sequence_pool.h"

namespace xc::engine {

inline constexpr std::size_t kChunkTokens = 256;
using ChunkTokens = std::array<Token, kChunkTokens>;

// Whatever decides the bytes of a chunk besides its tokens. Fields are compared as text: write
// them the same way each time (a LoRA set sorted, numbers in one format).
struct ChunkIdentity {
  std::string model;    // digest of the weights
  std::string program;  // build of the engine: layouts change between builds
  std::string k_type, v_type;
  std::string layout;  // streams, transposed V, state version
  std::string lora;    // digests and scales; empty: none
  std::string rope;    // base, scale, kind
};

// One tenant's chunks of one identity. `root` and `secret` never leave the process; `id` names the
// folder: 8 bytes that tell the tenant's folders together, 24 of a hash of the root.
struct ChunkSpace {
  std::string tenant;
  Digest secret{};
  Digest root{};
  Digest id{};
};
using ChunkSpaceRef = std::shared_ptr<const ChunkSpace>;

using TenantTag = std::array<std::uint8_t, 8>;
TenantTag tag_of(const Digest& secret);
TenantTag tag_of_space(const Digest& id);
ChunkSpaceRef make_space(const ChunkIdentity& identity, std::string tenant, const Digest& secret);

// A chunk's full name: a file or a resident chunk is only used when all of it agrees.
struct ChunkLink {
  ChunkSpaceRef space;
  Digest key{};
  Digest previous{};  // zeros before the first chunk
  ChunkTokens tokens{};
};

// key = SHA-256(root ‖ previous ‖ tokens). The secret root in every step keeps somebody who can
// list the folder from testing guesses of a prompt.
Digest key_of(const ChunkSpace& space, const Digest& previous, const ChunkTokens& tokens);

// The complete chunks of one sequence. One per sequence; not thread-safe.
class ChunkChain {
 public:
  explicit ChunkChain(ChunkSpaceRef space) : space_(std::move(space)) {}

  // `tokens`: the whole sequence so far; what earlier calls saw must be its beginning. Hashes the
  // chunks that became complete. Stops for good before a chunk with a negative token (an image:
  // its bytes are not in the key).
  void extend(std::span<const Token> tokens);

  std::size_t size() const { return links_.size(); }
  const ChunkLink& operator[](std::size_t i) const { return links_[i]; }
  const ChunkSpaceRef& space() const { return space_; }

 private:
  ChunkSpaceRef space_;
  std::vector<ChunkLink> links_;
};

// Bytes of chunks that are alive or promised, wherever they are held. Thread-safe.
using ByteGauge = std::atomic<std::uint64_t>;
class ByteHold {
 public:
  ByteHold() = default;
  ByteHold(std::shared_ptr<ByteGauge> gauge, std::uint64_t bytes)
      : gauge_(std::move(gauge)), bytes_(bytes) {
    *gauge_ += bytes_;
  }
  ByteHold(ByteHold&& other) noexcept
      : gauge_(std::move(other.gauge_)), bytes_(std::exchange(other.bytes_, 0)) {}
  ByteHold& operator=(ByteHold&& other) noexcept {
    std::swap(gauge_, other.gauge_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~ByteHold() {
    if (gauge_) *gauge_ -= bytes_;
  }
  explicit operator bool() const { return gauge_ != nullptr; }

 private:
  std::shared_ptr<ByteGauge> gauge_;
  std::uint64_t bytes_ = 0;
};

// KV bytes and their name. Immutable; counted in the gauge as long as anybody holds it.
class Chunk {
 public:
  // The payload is buffer[offset, offset + size).
  Chunk(ChunkLink link, KvBytes buffer, std::size_t offset, std::size_t size, ByteHold hold)
      : link_(std::move(link)),
        buffer_(std::move(buffer)),
        offset_(offset),
        size_(size),
        hold_(std::move(hold)) {}
  const ChunkLink& link() const { return link_; }
  Bytes payload() const { return Bytes(buffer_).subspan(offset_, size_); }
  // What it takes in memory.
  std::uint64_t bytes() const { return buffer_.capacity(); }

 private:
  ChunkLink link_;
  KvBytes buffer_;
  std::size_t offset_;
  std::size_t size_;
  ByteHold hold_;
};
using ChunkRef = std::shared_ptr<const Chunk>;

struct DigestHash {
  std::size_t operator()(const Digest& digest) const {
    std::size_t hash = 0;  // any bytes of a digest are a hash
    std::memcpy(&hash, digest.data(), sizeof(hash));
    return hash;
  }
};

using crypto::digest_of_hex;
using crypto::hex_of;

}  // namespace xc::engine

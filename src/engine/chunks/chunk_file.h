// The bytes of a chunk file, docs/formats/chunk.md. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/chunks/chunk_key.h"

namespace xc::engine {

inline constexpr std::size_t kChunkHeaderBytes = 144;
inline constexpr std::size_t kChunkTokenBytes = sizeof(ChunkTokens);

std::size_t chunk_file_bytes(ChunkCipher cipher, std::size_t payload_bytes);

// The whole file. nullopt: OpenSSL failed.
std::optional<KvBytes> seal_chunk(const Chunk& chunk, ChunkCipher cipher, const Nonce& nonce);

// Decrypts in place; the chunk takes over file and hold. Error (Internal, the reason in detail)
// unless the file is whole, authentic and exactly the chunk that `wanted` names.
Result<ChunkRef> open_chunk(KvBytes file, const ChunkLink& wanted, ByteHold hold);

}  // namespace xc::engine

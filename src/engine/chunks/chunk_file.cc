#include "engine/chunks/chunk_file.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"

namespace xc::engine {
namespace {

constexpr std::array<char, 8> kMagic = {'X', 'C', 'C', 'H', 'U', 'N', 'K', '\n'};
constexpr std::uint32_t kVersion = 1;

// As it lies in the file: little-endian, no gaps.
struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t cipher = 0;
  Digest space{};
  Digest key{};
  Digest previous{};
  std::uint32_t token_count = kChunkTokens;
  std::uint32_t reserved = 0;
  std::uint64_t payload_bytes = 0;
  Nonce nonce{};
};
static_assert(sizeof(Header) == kChunkHeaderBytes);
static_assert(std::is_trivially_copyable_v<Header>);

// Why this header is not the wanted chunk's; nullptr when it is.
const char* fault_of(const Header& header, std::size_t file_bytes, const ChunkLink& wanted) {
  if (header.magic != kMagic) return "magic";
  if (header.version != kVersion) return "version";
  const auto cipher = static_cast<ChunkCipher>(header.cipher);
  if (tag_bytes(cipher) == 0 || !available(cipher)) return "cipher";
  if (header.space != wanted.space->id) return "identity";
  if (header.key != wanted.key) return "key";
  if (header.previous != wanted.previous) return "previous key";
  if (header.token_count != kChunkTokens) return "token count";
  if (header.reserved != 0) return "reserved";
  const auto unused = std::span(header.nonce).subspan(nonce_bytes(cipher));
  if (std::ranges::any_of(unused, [](std::uint8_t byte) { return byte != 0; })) return "nonce";
  if (header.payload_bytes == 0 || header.payload_bytes > limits::kChunkBytesMax) {
    return "payload length";
  }
  if (file_bytes != chunk_file_bytes(cipher, header.payload_bytes)) return "file length";
  return nullptr;
}

std::unexpected<Error> rejected(std::string_view why) {
  return fail_internal("chunk file: " + std::string(why));
}

}  // namespace

std::size_t chunk_file_bytes(ChunkCipher cipher, std::size_t payload_bytes) {
  return kChunkHeaderBytes + kChunkTokenBytes + payload_bytes + tag_bytes(cipher);
}

std::optional<KvBytes> seal_chunk(const Chunk& chunk, ChunkCipher cipher, const Nonce& nonce) {
  const Bytes payload = chunk.payload();
  XC_ASSERT(!payload.empty() && payload.size() <= limits::kChunkBytesMax);
  Header header;
  header.cipher = static_cast<std::uint32_t>(cipher);
  header.space = chunk.link().space->id;
  header.key = chunk.link().key;
  header.previous = chunk.link().previous;
  header.payload_bytes = payload.size();
  std::copy_n(nonce.begin(), nonce_bytes(cipher), header.nonce.begin());

  KvBytes file(chunk_file_bytes(cipher, payload.size()));
  const std::span<std::byte> whole(file);
  const auto head = whole.first(kChunkHeaderBytes);
  const auto body = whole.subspan(kChunkHeaderBytes, kChunkTokenBytes + payload.size());
  std::memcpy(head.data(), &header, sizeof(header));
  std::memcpy(body.data(), chunk.link().tokens.data(), kChunkTokenBytes);
  std::memcpy(body.data() + kChunkTokenBytes, payload.data(), payload.size());
  const auto tag = whole.last(tag_bytes(cipher));
  if (!seal(cipher, chunk.link().space->secret, header.nonce, head, body, tag)) return std::nullopt;
  return file;
}

Result<ChunkRef> open_chunk(KvBytes file, const ChunkLink& wanted, ByteHold hold) {
  if (file.size() < kChunkHeaderBytes) return rejected("shorter than its header");
  Header header;
  std::memcpy(&header, file.data(), sizeof(header));
  if (const char* fault = fault_of(header, file.size(), wanted)) return rejected(fault);

  const auto cipher = static_cast<ChunkCipher>(header.cipher);
  const std::span<std::byte> whole(file);
  const std::size_t size = header.payload_bytes;
  const auto body = whole.subspan(kChunkHeaderBytes, kChunkTokenBytes + size);
  if (!unseal(cipher, wanted.space->secret, header.nonce, whole.first(kChunkHeaderBytes), body,
              whole.last(tag_bytes(cipher)))) {
    return rejected("not authentic");
  }
  // A hash is not trusted alone: the tokens must be the very same.
  if (std::memcmp(body.data(), wanted.tokens.data(), kChunkTokenBytes) != 0) {
    return rejected("tokens");
  }
  return std::make_shared<const Chunk>(wanted, std::move(file),
                                       kChunkHeaderBytes + kChunkTokenBytes, size, std::move(hold));
}

}  // namespace xc::engine

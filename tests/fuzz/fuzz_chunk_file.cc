// The chunk file reader. The first byte picks: even, the rest is a file; odd, the rest are edits
// {place, bits} of a good file, of which only an unchanged one may open. What opens must be,
// byte for byte, what sealing it gives.
#include <cstdint>
#include <cstring>

#include "engine/chunks/chunk_file.h"

namespace {

using namespace xc::engine;

constexpr std::size_t kPayload = 64;
constexpr std::size_t kNonceAt = 128;
constexpr std::size_t kCipherAt = 12;

ChunkLink link_of_fuzz() {
  ChunkIdentity identity;
  identity.model = "fuzz";
  ChunkChain chain(make_space(identity, "fuzz", Digest{1, 2, 3}));
  chain.extend(std::vector<Token>(kChunkTokens, 7));
  return chain[0];
}

KvBytes edited(KvBytes file, Bytes edits) {
  for (; edits.size() >= 3; edits = edits.subspan(3)) {
    const std::size_t place =
        std::to_integer<std::size_t>(edits[0]) << 8 | std::to_integer<std::size_t>(edits[1]);
    if (place < file.size()) {
      file[place] ^= edits[2];
    } else {
      file.resize(place % (file.size() + 16));  // cut, or grown a little
    }
  }
  return file;
}

void check_opened(const KvBytes& file, const Chunk& chunk) {
  Nonce nonce{};
  std::uint32_t cipher = 0;
  std::memcpy(nonce.data(), file.data() + kNonceAt, nonce.size());
  std::memcpy(&cipher, file.data() + kCipherAt, sizeof(cipher));
  if (seal_chunk(chunk, static_cast<ChunkCipher>(cipher), nonce) != file) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const ChunkLink link = link_of_fuzz();
  const Bytes bytes = std::as_bytes(std::span(data + 1, size - 1));
  if (data[0] % 2 == 0) {
    const KvBytes file(bytes.begin(), bytes.end());
    if (const auto opened = open_chunk(file, link, ByteHold())) check_opened(file, **opened);
    return 0;
  }
  const auto cipher = (data[0] & 2) != 0 ? ChunkCipher::Sm4CtrHmacSm3 : ChunkCipher::Aes256Gcm;
  if (!available(cipher)) return 0;
  const Chunk chunk(link, KvBytes(kPayload, std::byte{5}), 0, kPayload, ByteHold());
  const auto good = seal_chunk(chunk, cipher, Nonce{9});
  if (!good) __builtin_trap();
  const auto file = edited(*good, bytes);
  const auto opened = open_chunk(file, link, ByteHold());
  if (opened.has_value() != (file == *good)) __builtin_trap();
  if (opened) check_opened(file, **opened);
  return 0;
}

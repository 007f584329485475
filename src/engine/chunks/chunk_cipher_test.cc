#include "engine/chunks/chunk_cipher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/chunks/chunk_key.h"

namespace xc::engine {
namespace {

constexpr ChunkCipher kCiphers[] = {ChunkCipher::Aes256Gcm, ChunkCipher::Sm4CtrHmacSm3};

std::vector<std::byte> bytes(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

TEST(ChunkCipher, KnownDigests) {
  EXPECT_EQ(hex_of(sha256({bytes_of(std::string_view("ab")), bytes_of(std::string_view("c"))})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Digest secret{};
  EXPECT_NE(derive(secret, "salt"), derive(secret, "tag"));
  secret[31] = 1;
  EXPECT_NE(derive(secret, "salt"), derive(Digest{}, "salt"));
}

TEST(ChunkCipher, SealsAndUnseals) {
  for (const ChunkCipher cipher : kCiphers) {
    if (!available(cipher)) continue;
    const Digest secret = {1, 2, 3};
    const Nonce nonce = {4};
    const auto header = bytes("header");
    auto body = bytes("some bytes of a cache, longer than one block");
    const auto plain = body;
    std::vector<std::byte> tag(tag_bytes(cipher));
    ASSERT_TRUE(seal(cipher, secret, nonce, header, body, tag));
    EXPECT_NE(body, plain);
    auto copy = body;
    ASSERT_TRUE(unseal(cipher, secret, nonce, header, copy, tag));
    EXPECT_EQ(copy, plain);

    copy = body;
    EXPECT_FALSE(unseal(cipher, {1, 2, 4}, nonce, header, copy, tag));
    copy = body;
    EXPECT_FALSE(unseal(cipher, secret, nonce, bytes("headex"), copy, tag));
    copy = body;
    copy[5] ^= std::byte{1};
    EXPECT_FALSE(unseal(cipher, secret, nonce, header, copy, tag));
    copy = body;
    tag.back() ^= std::byte{0x80};
    EXPECT_FALSE(unseal(cipher, secret, nonce, header, copy, tag));
  }
}

TEST(ChunkCipher, ForeignNumbersAreNoCipher) {
  for (const std::uint32_t number : {0u, 3u, 0xffffffffu}) {
    EXPECT_EQ(tag_bytes(static_cast<ChunkCipher>(number)), 0u);
    EXPECT_FALSE(available(static_cast<ChunkCipher>(number)));
  }
}

}  // namespace
}  // namespace xc::engine

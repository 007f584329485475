#include "engine/chunks/chunk_file.h"

#include <gtest/gtest.h>

#include "engine/chunks/chunk_test_fixture.h"

namespace xc::engine {
namespace {

constexpr std::size_t kPayload = 1000;

class ChunkFile : public ::testing::TestWithParam<ChunkCipher> {
 protected:
  void SetUp() override {
    if (!available(GetParam())) GTEST_SKIP() << "OpenSSL here lacks it";
    const auto sealed = seal_chunk(*chunk_of(link_, kPayload), GetParam(), nonce_);
    ASSERT_TRUE(sealed);
    file_ = *sealed;
  }
  // Empty: it was opened.
  std::string fault(KvBytes file, const ChunkLink& wanted) const {
    const auto opened = open_chunk(std::move(file), wanted, ByteHold());
    return opened ? "" : opened.error().detail;
  }

  ChunkSpaceRef space_ = make_space(identity_of(), "a", secret_of(1));
  ChunkChain chain_ = chain_of(space_, 0, 2);
  ChunkLink link_ = chain_[1];
  Nonce nonce_ = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  KvBytes file_;
};

INSTANTIATE_TEST_SUITE_P(Ciphers, ChunkFile,
                         ::testing::Values(ChunkCipher::Aes256Gcm, ChunkCipher::Sm4CtrHmacSm3));

TEST_P(ChunkFile, RoundTrip) {
  EXPECT_EQ(file_.size(), chunk_file_bytes(GetParam(), kPayload));
  const auto opened = open_chunk(file_, link_, ByteHold());
  ASSERT_TRUE(opened);
  EXPECT_TRUE(has_payload(**opened, kPayload));
  EXPECT_EQ((*opened)->link().tokens, link_.tokens);
}

TEST_P(ChunkFile, NeitherTokensNorPayloadCanBeRead) {
  const auto plain = payload_of(link_, 64);
  EXPECT_TRUE(std::ranges::search(file_, plain).empty());
  const auto tokens = std::as_bytes(std::span(link_.tokens)).first(64);
  EXPECT_TRUE(std::ranges::search(file_, tokens).empty());
  EXPECT_TRUE(std::ranges::search(file_, std::as_bytes(std::span(space_->root))).empty());
}

TEST_P(ChunkFile, OverheadIsSmall) {
  EXPECT_LE(chunk_file_bytes(GetParam(), 24 * 1024), 24 * 1024 * 1.05);
}

TEST_P(ChunkFile, AnyFlippedBitIsRefused) {
  for (std::size_t at = 0; at < file_.size(); ++at) {
    auto broken = file_;
    broken[at] ^= static_cast<std::byte>(1u << (at % 8));
    EXPECT_NE(fault(std::move(broken), link_), "") << "byte " << at;
  }
}

TEST_P(ChunkFile, EveryHeaderFieldHasItsFault) {
  const struct {
    std::size_t at;
    const char* fault;
  } fields[] = {{0, "magic"},         {7, "magic"},          {8, "version"},
                {12, "cipher"},       {15, "cipher"},        {16, "identity"},
                {47, "identity"},     {48, "key"},           {79, "key"},
                {80, "previous key"}, {111, "previous key"}, {112, "token count"},
                {116, "reserved"},    {119, "reserved"}};
  for (const auto& field : fields) {
    auto broken = file_;
    broken[field.at] ^= std::byte{0x40};
    EXPECT_EQ(fault(std::move(broken), link_), std::string("chunk file: ") + field.fault);
  }
  for (const std::size_t at : {120u, 127u}) {  // a length that is not the file's
    auto broken = file_;
    broken[at] ^= std::byte{0x40};
    EXPECT_NE(fault(std::move(broken), link_).find("length"), std::string::npos);
  }
  auto broken = file_;
  broken[128] ^= std::byte{1};
  EXPECT_EQ(fault(std::move(broken), link_), "chunk file: not authentic");
}

TEST_P(ChunkFile, TruncatedOrLongerIsRefused) {
  for (std::size_t size = 0; size < file_.size(); size += size < 160 ? 1 : 61) {
    EXPECT_NE(fault({file_.begin(), file_.begin() + size}, link_), "") << size;
  }
  auto longer = file_;
  longer.push_back(std::byte{0});
  EXPECT_NE(fault(longer, link_), "");
  auto shorter = file_;
  shorter.pop_back();
  EXPECT_NE(fault(shorter, link_), "");
}

TEST_P(ChunkFile, OnlyTheVeryChunkIsOpened) {
  const auto other_model = make_space(identity_of("model-b"), "a", secret_of(1));
  EXPECT_EQ(fault(file_, chain_of(other_model, 0, 2)[1]), "chunk file: identity");
  EXPECT_EQ(fault(file_, chain_[0]), "chunk file: key");

  auto stolen = std::make_shared<ChunkSpace>(*space_);  // all names right, the secret wrong
  stolen->secret = secret_of(2);
  ChunkLink link = link_;
  link.space = stolen;
  EXPECT_EQ(fault(file_, link), "chunk file: not authentic");

  link = link_;  // as if two prompts had one hash
  link.tokens[255] += 1;
  EXPECT_EQ(fault(file_, link), "chunk file: tokens");
}

}  // namespace
}  // namespace xc::engine

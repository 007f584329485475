#include "catalog/sha256_lanes.h"

#include <gtest/gtest.h>

#include <random>

#include "catalog/sha256.h"

namespace xc::catalog {
namespace {

std::string one(std::string_view bytes) {
  Sha256 digest;
  digest.add(bytes);
  return digest.finish();
}

std::vector<std::string> all(const std::vector<std::string>& texts) {
  const std::vector<std::string_view> ranges(texts.begin(), texts.end());
  const auto digests = sha256_of_all(ranges, nullptr);
  return digests ? *digests : std::vector<std::string>{"cancelled"};
}

// FIPS 180-4's examples.
TEST(Sha256Lanes, KnownDigests) {
  EXPECT_EQ(all({"", "abc", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"}),
            (std::vector<std::string>{
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}));
  EXPECT_TRUE(all({}).empty());
}

// Every length around the borders of blocks and padding, in every lane, against OpenSSL.
TEST(Sha256Lanes, AgreesWithOpenssl) {
  std::mt19937 random(1);
  std::vector<std::string> texts;
  const auto add = [&](std::size_t length) {
    std::string text(length, '\0');
    for (char& c : text) c = static_cast<char>(random());
    texts.push_back(std::move(text));
  };
  for (std::size_t length = 0; length < 200; ++length) add(length);
  for (int i = 0; i < 40; ++i) add(random() % 300'000);
  for (const std::size_t length : {65'535u, 65'536u, 65'537u, 1'000'000u}) add(length);
  std::ranges::shuffle(texts, random);
  const auto digests = all(texts);
  ASSERT_EQ(digests.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(digests[i], one(texts[i])) << texts[i].size() << " bytes";
  }
}

TEST(Sha256Lanes, ProgressAddsUpAndCancels) {
  const std::vector<std::string> texts(5, std::string(1'000'000, 'x'));
  const std::vector<std::string_view> ranges(texts.begin(), texts.end());
  std::uint64_t done = 0;
  ASSERT_TRUE(sha256_of_all(ranges, [&](std::uint64_t bytes) {
    done += bytes;
    return true;
  }));
  EXPECT_EQ(done, 5'000'000u);
  const auto cut = sha256_of_all(ranges, [](std::uint64_t) { return false; });
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::Cancelled);
}

}  // namespace
}  // namespace xc::catalog

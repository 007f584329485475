#include "audit/segment.h"

#include <gtest/gtest.h>

namespace xc::audit {
namespace {

const Leaf kLeaf{Kind::Settlement, 7, 3, 1'700'000'000'123, Digest{4, 5}};

TEST(Segment, ChecksumIsCrc32c) { EXPECT_EQ(crc32c("123456789"), 0xE3069283u); }

TEST(Segment, ChecksumIsTheSameInEveryWay) {
  std::string text;
  for (int length = 0; length < 80; ++length) {
    EXPECT_EQ(crc32c(text), crc32c_by_table(text)) << length;
    EXPECT_EQ(crc32c(text, 0x12345678u), crc32c_by_table(text, 0x12345678u)) << length;
    text += static_cast<char>(length * 37);
  }
}

TEST(Segment, NamesHaveOneSpelling) {
  EXPECT_EQ(segment_name(42, Part::Leaves), "00000000000000000042.leaves");
  EXPECT_EQ(first_of_name("00000000000000000042.leaves", Part::Leaves), 42u);
  EXPECT_EQ(first_of_name("00000000000000000000.content", Part::Content), 0u);
  for (const std::string_view bad :
       {"42.leaves", "00000000000000000042.content", "", "0000000000000000004x.leaves",
        "99999999999999999999.leaves"}) {
    EXPECT_FALSE(first_of_name(bad, Part::Leaves)) << bad;
  }
}

TEST(Segment, EveryFlippedByteOfALeafFrameIsFound) {
  std::string bytes;
  append_frame(bytes, LeafFrame{kLeaf, 99});
  ASSERT_EQ(bytes.size(), kLeafFrameBytes);
  const auto frame = leaf_frame_of(bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->content_at, 99u);
  EXPECT_EQ(bytes_of(frame->leaf), bytes_of(kLeaf));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string other = bytes;
    other[i] ^= 0x10;
    EXPECT_FALSE(leaf_frame_of(other)) << i;
  }
}

TEST(Segment, EveryFlippedByteOfAHeaderIsFound) {
  const std::string bytes = bytes_of(SegmentHead{Part::Content, Profile::Sm3Sm2, LogId{1}, 5, 6});
  ASSERT_EQ(bytes.size(), kSegmentHeadBytes);
  EXPECT_EQ(segment_head_of(bytes)->first, 5u);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string other = bytes;
    other[i] ^= 1;
    EXPECT_FALSE(segment_head_of(other)) << i;
  }
  EXPECT_FALSE(segment_head_of(bytes.substr(1)));
}

TEST(Segment, EveryFlippedByteOfAContentFrameIsFound) {
  std::string bytes;
  append_frame(bytes, Body::Content, 7, Salt{1, 2}, "hello");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string other = bytes;
    other[i] ^= 1;
    const auto head = content_head_of(other);
    EXPECT_FALSE(head && whole(*head, std::string_view(other).substr(kContentHeadBytes))) << i;
  }
  const auto head = content_head_of(bytes);
  ASSERT_TRUE(head);
  EXPECT_TRUE(whole(*head, "hello"));
  const std::string erased = erased_frame(*head);
  ASSERT_EQ(erased.size(), bytes.size());
  EXPECT_TRUE(content_head_of(erased)->erased);
  EXPECT_TRUE(whole(*content_head_of(erased), std::string(5, '\0')));
}

TEST(Record, IsCanonical) {
  EXPECT_EQ(record_of(Admission{.request_id = "r\"1", .tenant = "甲", .reserved_tokens = 5}),
            R"({"request":"r\"1","tenant":"甲","reserved_tokens":5})");
  const std::string with = with_content_hash("{}", Digest{1});
  EXPECT_EQ(*content_hash_of(with), Digest{1});
  EXPECT_FALSE(content_hash_of("{}"));
  EXPECT_EQ(*content_hash_of(with_content_hash(R"({"a":1})", Digest{2})), Digest{2});
}

}  // namespace
}  // namespace xc::audit

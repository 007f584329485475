#include "base/id.h"

#include <gtest/gtest.h>

#include <set>

namespace xc {
namespace {

TEST(Id, has_prefix_and_length_and_repeats_only_by_seed) {
  SeededRandom a(7);
  SeededRandom b(7);
  const std::string first = make_id(a, "req_", 24);
  EXPECT_EQ(first.size(), 28u);
  EXPECT_EQ(first, make_id(b, "req_", 24));
  EXPECT_NE(first, make_id(b, "req_", 24));
}

TEST(Id, system_random_does_not_repeat) {
  SystemRandom random;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(random.next());
  EXPECT_EQ(seen.size(), 10'000u);
}

}  // namespace
}  // namespace xc

#include "engine/core/kv_ledger.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace xc::engine {
namespace {

TEST(KvLedger, shared_cells_count_once) {
  KvLedger ledger(3);
  ledger.append(0, 100);
  ledger.fork(1, 0, 60);
  EXPECT_EQ(ledger.cells(), 100);
  ledger.append(1, 10);
  ledger.append(0, 5);
  EXPECT_EQ(ledger.cells(), 115);
  EXPECT_EQ(ledger.exclusive(0), 45);
  EXPECT_EQ(ledger.exclusive(1), 10);
  ledger.clear(0);
  EXPECT_EQ(ledger.cells(), 70);
  EXPECT_EQ(ledger.exclusive(1), 70);
  ledger.clear(1);
  EXPECT_EQ(ledger.cells(), 0);
}

// The model: every cell is a number, every sequence a list of numbers.
TEST(KvLedger, agrees_with_a_plain_model_over_random_operations) {
  constexpr int kSequences = 8;
  std::mt19937 random(11);
  KvLedger ledger(kSequences);
  std::map<int, std::vector<int>> model;
  int next_cell = 0;
  for (int step = 0; step < 20'000; ++step) {
    const int a = static_cast<int>(random() % kSequences);
    const int b = static_cast<int>(random() % kSequences);
    const int size = static_cast<int>(model[a].size());
    switch (random() % 3) {
      case 0: {
        const int count = 1 + static_cast<int>(random() % 20);
        ledger.append(a, count);
        for (int i = 0; i < count; ++i) model[a].push_back(next_cell++);
        break;
      }
      case 1:
        if (a != b) {
          const int count = size == 0 ? 0 : static_cast<int>(random() % (size + 1));
          ledger.clear(b);
          ledger.fork(b, a, count);
          model[b].assign(model[a].begin(), model[a].begin() + count);
        }
        break;
      default: {
        const int length = size == 0 ? 0 : static_cast<int>(random() % (size + 1));
        ledger.truncate(a, length);
        model[a].resize(static_cast<std::size_t>(length));
      }
    }
    std::map<int, int> holders;
    for (const auto& [seq, cells] : model) {
      for (const int cell : cells) ++holders[cell];
    }
    ASSERT_EQ(ledger.cells(), static_cast<int>(holders.size())) << step;
    int exclusive = 0;
    for (const int cell : model[a]) exclusive += holders[cell] == 1 ? 1 : 0;
    ASSERT_EQ(ledger.exclusive(a), exclusive) << step;
    ASSERT_EQ(ledger.length(a), static_cast<int>(model[a].size()));
  }
}

TEST(KvLedger, nothing_appended_is_nothing_held) {
  KvLedger ledger(2);
  ledger.append(1, 0);
  ledger.clear(1);
  ledger.append(0, 10);
  ledger.fork(1, 0, 5);
  EXPECT_EQ(ledger.length(1), 5);
}

TEST(KvLedger, reached_counts_a_part_once) {
  KvLedger ledger(4);
  ledger.append(0, 100);
  ledger.fork(1, 0, 60);
  ledger.append(1, 30);
  EXPECT_EQ(ledger.reached({}, 0, 80), 80);
  EXPECT_EQ(ledger.reached({1}, 0, 80), 90 + 20);
  EXPECT_EQ(ledger.reached({1}, 0, 50), 90);
  EXPECT_EQ(ledger.reached({0, 1}, 0, 100), 130);
}

}  // namespace
}  // namespace xc::engine

#include "base/frames.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace xc {
namespace {

constexpr std::size_t kSizes[] = {1, 63, 64, 65, 1'000, 5'120, 5'121, 100'000};

TEST(Frames, of_any_size_are_writable_and_apart) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<void*, std::size_t>> frames;
    std::set<void*> places;
    for (const std::size_t size : kSizes) {
      for (int i = 0; i < 4; ++i) {
        void* const frame = take_frame(size);
        std::memset(frame, 0xA5, size);
        EXPECT_TRUE(places.insert(frame).second);
        frames.emplace_back(frame, size);
      }
    }
    for (const auto& [frame, size] : frames) give_back_frame(frame, size);
  }
}

// A smaller one that was given back is never taken for a larger: what stands behind it would break.
TEST(Frames, never_overlap_when_sizes_of_one_shelf_alternate) {
  for (std::size_t size = 65; size <= 128; ++size) {
    void* const frame = take_frame(size);
    std::memset(frame, 1, size);
    give_back_frame(frame, size);
    void* const larger = take_frame(128);
    std::memset(larger, 2, 128);
    give_back_frame(larger, 128);
  }
}

TEST(Frames, may_end_on_another_thread) {
  std::vector<void*> frames;
  std::thread([&frames] {
    for (int i = 0; i < 100; ++i) frames.push_back(take_frame(700));
  }).join();
  for (void* const frame : frames) {
    std::memset(frame, 3, 700);
    give_back_frame(frame, 700);
  }
}

// More than a thread keeps goes back to the C library.
TEST(Frames, many_at_once_are_given_back) {
  std::vector<void*> frames;
  for (int i = 0; i < 2'000; ++i) frames.push_back(take_frame(1'000));
  for (void* const frame : frames) give_back_frame(frame, 1'000);
  for (int i = 0; i < 2'000; ++i) {
    void* const frame = take_frame(1'000);
    std::memset(frame, 4, 1'000);
    frames[static_cast<std::size_t>(i)] = frame;
  }
  for (void* const frame : frames) give_back_frame(frame, 1'000);
}

}  // namespace
}  // namespace xc

// What an owner who holds the private key can do, and what heads kept elsewhere say about it.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "audit/test_log.h"
#include "audit/verify.h"

namespace xc::audit {
namespace {

class Witnessed : public testing::Test {
 protected:
  LogOptions options(const std::string& name) {
    LogOptions made = quick_options(place_.path(name));
    made.head_interval = std::chrono::milliseconds(0);
    made.witness = [this](const SignedHead& head) { heads_.push_back(head); };
    return made;
  }
  bool has(const Findings& found, FaultKind kind) const {
    return std::ranges::any_of(found.faults, [kind](const Fault& f) { return f.kind == kind; });
  }

  TestFolder place_;
  std::vector<SignedHead> heads_;
};

TEST_F(Witnessed, EveryHeadOfAWholeLogFits) {
  {
    TestLog test(options("a"));
    for (int i = 0; i < 5; ++i) test.call("r" + std::to_string(i));
  }
  ASSERT_GE(heads_.size(), 5u);
  const auto found = verify(place_.path("a"), {.key = {}, .receipts = {}, .witnessed = heads_});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->good());
  EXPECT_EQ(found->witnessed, heads_.size());
}

TEST_F(Witnessed, TheLastLeavesBeforeAPauseAreWitnessed) {
  LogOptions made = options("a");
  made.head_interval = std::chrono::milliseconds(300);
  std::atomic<std::uint64_t> newest{0};
  made.witness = [&newest](const SignedHead& head) { newest = head.size; };
  TestLog test(made);
  test.call("one");
  const Ticket last = test.call("two");
  for (int i = 0; i < 5'000 && newest <= last.index; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(newest, test.log->head().size) << "nothing more was written";
}

TEST_F(Witnessed, ARewrittenLogIsFound) {
  {
    TestLog test(options("a"));
    test.call("what was");
  }
  std::filesystem::create_directory(place_.path("b"));
  for (const char* key : {"log.key", "log.pub"}) {
    std::filesystem::copy_file(place_.path("a") + "/" + key, place_.path("b") + "/" + key);
  }
  const std::vector<SignedHead> before = std::exchange(heads_, {});
  {
    TestLog test(options("b"));
    for (int i = 0; i < 3; ++i) test.call("what should have been");
  }
  EXPECT_TRUE(verify(place_.path("b"), {})->good()) << "by itself it looks whole";
  const auto found = verify(place_.path("b"), {.key = {}, .receipts = {}, .witnessed = before});
  ASSERT_TRUE(found);
  EXPECT_TRUE(has(*found, FaultKind::Changed));
  EXPECT_EQ(found->witnessed, 0u);
}

TEST_F(Witnessed, ACutTailIsFoundAlsoBesideARunningServer) {
  TestLog test(options("a"));
  test.call("one");
  std::filesystem::copy(place_.path("a"), place_.path("early"),
                        std::filesystem::copy_options::recursive);
  test.call("two");
  EXPECT_TRUE(verify(place_.path("early"), {})->good());
  const auto found = verify(place_.path("early"), {.key = {}, .receipts = {}, .witnessed = heads_});
  ASSERT_TRUE(found);
  EXPECT_TRUE(has(*found, FaultKind::Cut));
  EXPECT_TRUE(verify(place_.path("a"), {.key = {}, .receipts = {}, .witnessed = heads_})->good());
}

TEST_F(Witnessed, AForgedHeadIsSaid) {
  {
    TestLog test(options("a"));
    test.call("one");
  }
  heads_.front().size += 1;
  const auto found = verify(place_.path("a"), {.key = {}, .receipts = {}, .witnessed = heads_});
  EXPECT_TRUE(has(*found, FaultKind::BadHead));
}

TEST_F(Witnessed, FilesAreReadLineByLine) {
  {
    TestLog test(options("a"));
    test.call("one");
  }
  std::string text = "h1.half";
  for (const SignedHead& head : heads_) text += "\n" + text_of(head);
  put_bytes(place_.path("w"), text + "\nh1.cut");
  const auto heads = read_witness(place_.path("w"));
  ASSERT_TRUE(heads);
  ASSERT_EQ(heads->size(), heads_.size());
  EXPECT_EQ(text_of(heads->back()), text_of(heads_.back()));
  EXPECT_FALSE(read_witness(place_.path("none")));
}

}  // namespace
}  // namespace xc::audit

#include "audit/log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "audit/segment.h"
#include "audit/test_log.h"
#include "audit/verify.h"

namespace xc::audit {
namespace {

constexpr auto kFirstLeaves = "00000000000000000000.leaves";

TEST(Log, CommitsSignsAndProves) {
  TestLog test;
  const Ticket ticket = test.call("r1");
  EXPECT_EQ(ticket.index, 1u);  // after the start leaf
  const auto proof = test.log->prove(ticket.index);
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->leaf, ticket.leaf);
  EXPECT_TRUE(verify(proof->head, test.log->key()));
  EXPECT_TRUE(verify_inclusion(Profile::Sha256Ed25519, ticket.leaf, ticket.index, proof->head.size,
                               proof->path, proof->head.root));
  const auto entry = test.log->read(ticket.index);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->record.text, R"({"request":"r1","tenant":"t"})");
  EXPECT_EQ(test.log->read(99).error().message, Message::AuditNoLeaf);
  EXPECT_EQ(test.log->prove(99).error().message, Message::AuditNoLeaf);
}

TEST(Log, OldHeadsAreConsistentWithNewOnes) {
  TestLog test;
  const SignedHead old = test.log->head();
  for (int i = 0; i < 20; ++i) test.call("r");
  const SignedHead now = test.log->head();
  const auto path = test.log->prove_consistency(old.size, now.size);
  ASSERT_TRUE(path);
  EXPECT_TRUE(
      verify_consistency(Profile::Sha256Ed25519, old.size, old.root, now.size, now.root, *path));
  EXPECT_EQ(*test.log->root(old.size), old.root);
  EXPECT_FALSE(test.log->prove_consistency(now.size, now.size + 1));
}

TEST(Log, ReceiptIsAPromiseUntilSigned) {
  TestLog test;
  test.options.sync_interval = std::chrono::milliseconds(200);
  test.reopen();
  const auto ticket = test.log->admit({.request_id = "r"});
  const auto promise = receipt_of(test.log->receipt(*ticket));
  ASSERT_TRUE(promise);
  EXPECT_FALSE(promise->head);
  EXPECT_TRUE(test.log->made_here(*promise));
  Receipt forged = *promise;
  ++forged.index;
  EXPECT_FALSE(test.log->made_here(forged));
  ASSERT_TRUE(test.log->wait(*ticket, Deadline::never()));
  const auto receipt = receipt_of(test.log->receipt(*ticket));
  ASSERT_TRUE(receipt && receipt->head);
  EXPECT_TRUE(verify(*receipt->head, test.log->key()));
  EXPECT_EQ(receipt->leaf, promise->leaf);
}

TEST(Log, CallsBackOnceAfterTheDisk) {
  TestLog test;
  std::atomic<int> calls = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(test.log->admit({.request_id = "r"}, {}, [&](const Status& done) {
      EXPECT_TRUE(done);
      ++calls;
    }));
  }
  test.log->close();
  EXPECT_EQ(calls, 100);
  EXPECT_EQ(test.log->admit({.request_id = "r"}).error().message, Message::AuditUnavailable);
  EXPECT_EQ(test.log->head().size, 101u);
}

TEST(Log, ManyThreadsGetDifferentLeaves) {
  TestLog test;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const auto admission = test.log->admit({.request_id = "r"});
        EXPECT_TRUE(test.log->settle(*admission, {.status = 200}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  test.log->close();
  const auto found = verify(test.options.folder, {});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->good()) << found->faults[0].detail;
  EXPECT_EQ(found->end, 1601u);
  EXPECT_EQ(found->open_admissions, 0u);
}

TEST(Log, ReopensWithTheSameKeyAndGoesOn) {
  TestLog test;
  const Ticket ticket = test.call("before");
  const LogId id = test.log->key().log_id();
  test.reopen();
  EXPECT_EQ(test.log->key().log_id(), id);
  EXPECT_EQ(test.log->prove(ticket.index)->leaf, ticket.leaf);
  EXPECT_EQ(test.log->head().size, 4u);  // start, admission, settlement, start
  EXPECT_EQ(Log::open(test.options, test.clock, test.random).error().message, Message::HomeLocked);
  struct stat facts{};
  ASSERT_EQ(::stat(private_key_path(test.options.folder).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST(Log, CutsATornTail) {
  TestLog test;
  test.call("r");
  test.log.reset();
  const std::string leaves = bytes_in(test.file(kFirstLeaves));
  put_bytes(test.file(kFirstLeaves), leaves + std::string(50, 'x'));
  test.open();
  EXPECT_EQ(test.log->head().size, 4u);
  test.log.reset();
  EXPECT_TRUE(verify(test.options.folder, {})->good());
}

TEST(Log, RefusesToGoBelowASignedHead) {
  TestLog test;
  test.call("r");
  test.log.reset();
  const std::string leaves = bytes_in(test.file(kFirstLeaves));
  put_bytes(test.file(kFirstLeaves), leaves.substr(0, leaves.size() - kLeafFrameBytes));
  EXPECT_EQ(Log::open(test.options, test.clock, test.random).error().message,
            Message::AuditDamaged);
}

TEST(Log, RotatesAndBuildsALostTreeAgain) {
  TestLog test;
  test.options.segment_leaves = 5;
  test.reopen();
  std::vector<Ticket> tickets;
  for (int i = 0; i < 12; ++i) tickets.push_back(test.call("r" + std::to_string(i)));
  test.log.reset();
  EXPECT_GT(segments_of(test.options.folder)->size(), 3u);
  std::filesystem::remove(test.file("tree"));
  test.open();
  for (const Ticket& ticket : tickets) {
    const auto proof = test.log->prove(ticket.index);
    ASSERT_TRUE(proof);
    EXPECT_TRUE(verify_inclusion(Profile::Sha256Ed25519, ticket.leaf, ticket.index,
                                 proof->head.size, proof->path, proof->head.root));
    EXPECT_TRUE(test.log->read(ticket.index));
  }
  test.log.reset();
  EXPECT_TRUE(verify(test.options.folder, {})->good());
}

TEST(Log, ErasesContentOrAllAndProofsStay) {
  TestLog test;
  const Ticket content = test.call("a", "secret prompt");
  const Ticket record = test.call("b", "another secret");
  ASSERT_TRUE(test.log->erase(content.index, Body::Content, "admin", "asked"));
  ASSERT_TRUE(test.log->erase(record.index, Body::Record, "admin", "asked"));
  EXPECT_EQ(test.log->erase(999, Body::Record, "", "").error().message, Message::AuditNoLeaf);
  EXPECT_EQ(test.log->read(content.index)->record.fate, Fate::Kept);
  EXPECT_EQ(test.log->read(content.index)->content.fate, Fate::Erased);
  EXPECT_EQ(test.log->read(record.index)->record.fate, Fate::Erased);
  const auto proof = test.log->prove(record.index);
  EXPECT_TRUE(verify_inclusion(Profile::Sha256Ed25519, record.leaf, record.index, proof->head.size,
                               proof->path, proof->head.root));
  test.log.reset();
  const std::string bytes = bytes_in(test.file("00000000000000000000.content"));
  EXPECT_EQ(bytes.find("secret"), std::string::npos);
  EXPECT_EQ(bytes.find("\"b\""), bytes.rfind("\"b\""));  // the settlement's only
  const auto found = verify(test.options.folder, {});
  EXPECT_TRUE(found->good()) << found->faults[0].detail;
  EXPECT_EQ(found->erased, 1u);
}

TEST(Log, FinishesAnErasureThatAKillBrokeOff) {
  TestLog test;
  const Ticket ticket = test.call("a", "secret");
  test.log.reset();
  put_bytes(test.file("erasing"), "erasure_of_content " + std::to_string(ticket.index) + "\n");
  test.open();
  EXPECT_EQ(test.log->read(ticket.index)->content.fate, Fate::Erased);
  EXPECT_FALSE(std::filesystem::exists(test.file("erasing")));
}

TEST(Log, ErasesManyAtOnceAndFinishesThemAfterAKill) {
  TestLog test;
  test.options.segment_leaves = 5;
  test.reopen();
  std::vector<std::uint64_t> leaves;
  for (int i = 0; i < 9; ++i) leaves.push_back(test.call("r", "secret").index);
  const std::span<const std::uint64_t> all(leaves);
  ASSERT_TRUE(test.log->erase(all.first(5), Body::Content, "admin", "asked"));
  EXPECT_EQ(test.log->erase(std::vector<std::uint64_t>{leaves[6], 999}, Body::Content, "", "")
                .error()
                .message,
            Message::AuditNoLeaf);
  EXPECT_EQ(test.log->read(leaves[6])->content.fate, Fate::Kept);
  test.log.reset();
  std::string journal;
  for (const std::uint64_t index : all.subspan(5)) {
    journal += "erasure_of_content " + std::to_string(index) + "\n";
  }
  put_bytes(test.file("erasing"), journal);
  test.open();
  for (const std::uint64_t index : all) {
    EXPECT_EQ(test.log->read(index)->content.fate, Fate::Erased);
    EXPECT_EQ(test.log->read(index)->record.fate, Fate::Kept);
  }
  test.log.reset();
  const auto found = verify(test.options.folder, {});
  EXPECT_TRUE(found->good()) << found->faults[0].detail;
}

TEST(Log, SaysFromWhatAContentWasCut) {
  TestLog test;
  const auto ticket =
      test.log->admit({.request_id = "r"}, test.log->content_of("begin", std::uint64_t{99}));
  ASSERT_TRUE(test.log->settle(*ticket, {.status = 200}));
  ASSERT_TRUE(test.log->wait(*ticket, Deadline::never()));
  const auto entry = test.log->read(ticket->index);
  EXPECT_TRUE(
      entry->record.text.starts_with(R"({"request":"r","content_cut_from":99,"content_hash":")"));
  EXPECT_EQ(content_cut_in(entry->record.text), 99u);
  EXPECT_EQ(text_in(entry->record.text, "request"), "r");
  EXPECT_EQ(text_in(entry->record.text, "tenant"), "");
  EXPECT_EQ(entry->content.text, "begin");
  test.log.reset();
  const auto found = verify(test.options.folder, {});
  EXPECT_TRUE(found->good()) << found->faults[0].detail;
  EXPECT_EQ(found->contents, 1u);
}

// Who has contents kept does not take the room of who has not, nor that of settlements.
TEST(Log, ContentsHaveAQuarterOfTheQueue) {
  TestLog test;
  test.options.sync_interval = std::chrono::minutes(1);
  test.reopen();
  const std::string text(4u << 20, 'x');
  std::vector<Ticket> admitted;
  Result<Ticket> last;
  while ((last = test.log->admit({.request_id = "r"}, test.log->content_of(text)))) {
    admitted.push_back(*last);
  }
  EXPECT_EQ(last.error().message, Message::AuditUnavailable);
  EXPECT_LE(admitted.size() * text.size(), limits::kAuditQueueBytes / 4);
  EXPECT_GE(admitted.size(), 3u);
  const auto plain = test.log->admit({.request_id = "r"});
  ASSERT_TRUE(plain);
  const auto settled =
      test.log->settle(admitted[0], {.request_id = "r", .status = 200}, test.log->content_of(text));
  ASSERT_TRUE(settled);
  test.log->close();
  test.reopen();
  const auto entry = test.log->read(settled->index);
  EXPECT_EQ(entry->content.fate, Fate::None);
  EXPECT_EQ(entry->record.text, R"({"request":"r","status":200,"content_cut_from":4194304})");
}

TEST(Log, AMemberOfARecordIsNotFoundInsideATextOfIt) {
  const std::string record = RecordText()
                                 .text("target", R"(x","tenant":"forged)")
                                 .text("model", R"(,"tenant":")")
                                 .text("tenant", "real")
                                 .take();
  EXPECT_EQ(text_in(record, "tenant"), "real");
  EXPECT_EQ(text_in(record, "target"), R"(x","tenant":"forged)");
  EXPECT_EQ(text_in("", "tenant"), "");
  EXPECT_EQ(content_cut_in(record), 0u);
}

TEST(Log, ExpiresOnlyWhatIsOldEnough) {
  TestLog test;
  test.options.segment_leaves = 3;
  test.reopen();
  for (int i = 0; i < 6; ++i) test.call("r");
  const std::int64_t now = test.clock.unix_ms();
  EXPECT_EQ(test.log->expire(now + 1'000, "admin").error().message, Message::AuditTooYoung);
  test.options.retention_ms = -2'000;
  test.reopen();
  const auto gone = test.log->expire(now + 1'000, "admin");
  ASSERT_TRUE(gone);
  EXPECT_GT(*gone, 1);
  EXPECT_EQ(test.log->read(1)->record.fate, Fate::Gone);
  EXPECT_TRUE(test.log->prove(1));
  test.log.reset();
  const auto found = verify(test.options.folder, {});
  EXPECT_TRUE(found->good()) << found->faults[0].detail;
  EXPECT_GT(found->gone, 3u);
  test.open();
}

TEST(Log, TellsTheWitness) {
  TestLog test;
  std::vector<SignedHead> heads;
  test.log.reset();
  test.options.head_interval = std::chrono::milliseconds(0);
  test.options.witness = [&heads](const SignedHead& head) { heads.push_back(head); };
  test.open();
  test.call("r");
  test.log.reset();
  ASSERT_GE(heads.size(), 2u);
  EXPECT_EQ(heads.back().size, 4u);
}

TEST(Log, NoticesLeaveTheRoomOfSettlementsAlone) {
  TestLog test;
  test.options.sync_interval = std::chrono::minutes(1);
  test.reopen();
  const auto admission = test.log->admit({.request_id = "r"});
  ASSERT_TRUE(admission);
  std::size_t taken = 0;
  while (taken < limits::kAuditQueueLeaves && test.log->notice("{}")) ++taken;
  EXPECT_GT(taken, limits::kAuditQueueLeaves / 4);
  EXPECT_LE(taken, limits::kAuditQueueLeaves / 2);
  EXPECT_EQ(test.log->admit({.request_id = "r"}).error().message, Message::AuditUnavailable);
  EXPECT_TRUE(test.log->settle(*admission, {.request_id = "r", .status = 200}));
}

TEST(Log, TimesDoNotGoBackOverARestart) {
  TestFolder place;
  SystemRandom random;
  ManualClock ahead, behind;
  ahead.advance(std::chrono::hours(5));
  const LogOptions options = quick_options(place.path("audit"));
  Log::open(options, ahead, random)->reset();
  const auto log = Log::open(options, behind, random);
  ASSERT_TRUE(log);
  EXPECT_EQ((*log)->read(0)->leaf.unix_ms, ahead.unix_ms());
  EXPECT_EQ((*log)->read(1)->leaf.unix_ms, ahead.unix_ms());
}

TEST(Log, RefusesWhatIsTooLong) {
  TestLog test;
  const std::string name(limits::kAuditRecordBytesMax, 'x');
  EXPECT_EQ(test.log->admit({.request_id = name}).error().message, Message::BadLength);
}

TEST(Log, WorksWithTheChineseAlgorithms) {
  TestLog test;
  test.log.reset();
  std::filesystem::remove_all(test.options.folder);
  test.options.profile = Profile::Sm3Sm2;
  test.open();
  const Ticket ticket = test.call("r", "正文");
  const auto proof = test.log->prove(ticket.index);
  EXPECT_TRUE(verify_inclusion(Profile::Sm3Sm2, ticket.leaf, ticket.index, proof->head.size,
                               proof->path, proof->head.root));
  test.log.reset();
  const auto found = verify(test.options.folder, {});
  EXPECT_TRUE(found->good()) << found->faults[0].detail;
  EXPECT_EQ(found->profile, Profile::Sm3Sm2);
}

}  // namespace
}  // namespace xc::audit

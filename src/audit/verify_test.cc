#include "audit/verify.h"

#include <gtest/gtest.h>

#include "audit/export.h"
#include "audit/heads_file.h"
#include "audit/segment.h"
#include "audit/test_log.h"
#include "audit/text_codes.h"

namespace xc::audit {
namespace {

constexpr auto kLeaves = "00000000000000000000.leaves";
constexpr auto kContent = "00000000000000000000.content";

bool has(const Findings& found, FaultKind kind, std::uint64_t index) {
  for (const Fault& fault : found.faults) {
    if (fault.kind == kind && fault.index <= index && index < fault.index + fault.count)
      return true;
  }
  return false;
}

std::string said(const Findings& found) {
  std::string out;
  for (const Fault& fault : found.faults) {
    out += std::string(name_of(fault.kind)) + " " + std::to_string(fault.index) + "+" +
           std::to_string(fault.count) + " " + fault.detail + "\n";
  }
  return out;
}

// Leaves 0 start, then 1 + 2n an admission and 2 + 2n its settlement; closed in order.
class Verify : public testing::Test {
 protected:
  Verify() {
    for (int i = 0; i < 6; ++i) tickets_.push_back(test_.call("r" + std::to_string(i), "text"));
    receipt_ = *receipt_of(test_.log->receipt(tickets_[2]));
    key_ = test_.log->key();
    test_.log.reset();
    leaves_ = bytes_in(test_.file(kLeaves));
  }
  Findings check() {
    auto found = verify(test_.options.folder, {.key = key_, .receipts = {receipt_}});
    EXPECT_TRUE(found);
    return std::move(*found);
  }
  std::string frame(std::size_t n) const {
    return leaves_.substr(kSegmentHeadBytes + n * kLeafFrameBytes, kLeafFrameBytes);
  }
  void put_frames(const std::vector<std::string>& frames) {
    std::string bytes = leaves_.substr(0, kSegmentHeadBytes);
    for (const std::string& one : frames) bytes += one;
    put_bytes(test_.file(kLeaves), bytes);
  }
  std::vector<std::string> frames() const {
    std::vector<std::string> all;
    for (std::size_t n = 0; n < 13; ++n) all.push_back(frame(n));
    return all;
  }
  std::string exported(ExportOptions options = {}) {
    std::string text;
    const Status done =
        export_json_lines(test_.options.folder, *key_, *newest_head(test_.options.folder, *key_),
                          options, [&text](std::string_view piece) {
                            text += piece;
                            return Status();
                          });
    EXPECT_TRUE(done);
    return text;
  }
  Result<Findings> check_export(const std::string& text) {
    put_bytes(test_.place.path("export.jsonl"), text);
    return verify(test_.place.path("export.jsonl"), {.key = key_, .receipts = {}});
  }

  TestLog test_;
  std::vector<Ticket> tickets_;
  Receipt receipt_;
  std::optional<PublicKey> key_;
  std::string leaves_;
};

TEST_F(Verify, AWholeLogIsGood) {
  const Findings found = check();
  EXPECT_TRUE(found.good()) << said(found);
  EXPECT_EQ(found.end, 13u);
  EXPECT_EQ(found.records, 13u);
  EXPECT_EQ(found.contents, 6u);
  EXPECT_EQ(found.admissions, 6u);
  EXPECT_EQ(found.settlements, 6u);
  EXPECT_EQ(found.receipts[0], ReceiptState::Good);
}

TEST_F(Verify, EveryFlippedByteOfEveryFileIsFound) {
  for (const std::string name : {kLeaves, kContent, "tree", "heads", "latest"}) {
    const std::string good = bytes_in(test_.file(name));
    for (std::size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] ^= static_cast<char>(1 << (i % 8));
      put_bytes(test_.file(name), bad);
      const Findings found = check();
      EXPECT_FALSE(found.good()) << name << " @" << i;
    }
    put_bytes(test_.file(name), good);
  }
  EXPECT_TRUE(check().good());
}

TEST_F(Verify, EveryCutTailIsFound) {
  for (const std::string name : {kLeaves, kContent, "tree", "heads", "latest"}) {
    const std::string good = bytes_in(test_.file(name));
    for (std::size_t size = 0; size < good.size(); size += name == kLeaves ? 1 : 7) {
      // Whole lines less: older heads, which `latest` makes up for.
      if (name == "heads" && (size == 0 || good[size - 1] == '\n')) continue;
      put_bytes(test_.file(name), good.substr(0, size));
      EXPECT_FALSE(check().good()) << name << " cut to " << size;
    }
    std::filesystem::remove(test_.file(name));
    const auto found = verify(test_.options.folder, {.key = key_, .receipts = {}});
    EXPECT_FALSE(found && found->good()) << name;
    put_bytes(test_.file(name), good);
  }
}

TEST_F(Verify, SaysWhichLeafWasRemovedSwappedOrInserted) {
  auto removed = frames();
  removed.erase(removed.begin() + 5);
  put_frames(removed);
  EXPECT_TRUE(has(check(), FaultKind::Removed, 5)) << said(check());

  auto swapped = frames();
  std::swap(swapped[4], swapped[5]);
  put_frames(swapped);
  EXPECT_TRUE(has(check(), FaultKind::Reordered, 4)) << said(check());

  auto doubled = frames();
  doubled.insert(doubled.begin() + 7, doubled[6]);
  put_frames(doubled);
  EXPECT_TRUE(has(check(), FaultKind::Inserted, 6)) << said(check());

  auto cut = frames();
  cut.pop_back();
  put_frames(cut);
  EXPECT_TRUE(has(check(), FaultKind::Cut, 12)) << said(check());
}

// One who can compute all checksums writes another leaf.
TEST_F(Verify, SaysWhichLeafWasForged) {
  auto forged = frames();
  LeafFrame other = *leaf_frame_of(frame(5));
  other.leaf.unix_ms += 1;
  forged[5].clear();
  append_frame(forged[5], other);
  put_frames(forged);
  const auto plain = verify(test_.options.folder, {.key = key_, .receipts = {}});
  EXPECT_TRUE(has(*plain, FaultKind::Changed, 5)) << said(*plain);
  EXPECT_EQ(plain->fault_count, 1u) << said(*plain);
  const Findings found = check();
  EXPECT_EQ(found.receipts[0], ReceiptState::Missing);  // it is leaf 5's
}

TEST_F(Verify, FindsAnAppendedLeaf) {
  auto appended = frames();
  LeafFrame more = *leaf_frame_of(frame(12));
  const std::string content = bytes_in(test_.file(kContent));
  std::string body;
  append_frame(body, Body::Record, 13, Salt{}, "{}");
  more.leaf = Leaf{Kind::Event, 13, kNoPartner, more.leaf.unix_ms,
                   commitment_of(Profile::Sha256Ed25519, Salt{}, "{}")};
  more.content_at = content.size();
  appended.emplace_back();
  append_frame(appended.back(), more);
  put_frames(appended);
  put_bytes(test_.file(kContent), content + body);
  const Findings found = check();
  EXPECT_TRUE(has(found, FaultKind::Unsigned, 13)) << said(found);
}

TEST_F(Verify, FindsARecordErasedWithoutALeaf) {
  std::string content = bytes_in(test_.file(kContent));
  const std::uint64_t at = leaf_frame_of(frame(4))->content_at;
  const auto head = content_head_of(content.substr(at));
  ASSERT_TRUE(head);
  const std::string zeros = erased_frame(*head);
  content.replace(at, zeros.size(), zeros);
  put_bytes(test_.file(kContent), content);
  EXPECT_TRUE(has(check(), FaultKind::Removed, 4)) << said(check());
  std::filesystem::remove(test_.file(kContent));
  EXPECT_TRUE(has(check(), FaultKind::Removed, 0)) << said(check());
}

TEST_F(Verify, KnowsForeignReceiptsAndKeys) {
  const auto other = PrivateKey::make(Profile::Sha256Ed25519);
  SignedHead head{key_->log_id(), 13, 1, Digest{}, {}};
  head.signature = *other->sign(signed_text(head));
  const Receipt forged{1, Digest{}, key_->log_id(), head, {}};
  const auto found = verify(test_.options.folder, {.key = key_, .receipts = {forged}});
  EXPECT_EQ(found->receipts[0], ReceiptState::Forged);
  const auto wrong_key = verify(test_.options.folder, {.key = other->public_key(), .receipts = {}});
  EXPECT_FALSE(wrong_key->good());
}

// The owner of the key cuts and signs again: only a receipt outside can tell.
TEST_F(Verify, AReceiptFindsATailThatTheOwnerCut) {
  TestLog& test = test_;
  test.open();
  const Ticket late = test.call("late");
  const Receipt receipt = *receipt_of(test.log->receipt(late));
  test.log.reset();
  put_bytes(test.file(kLeaves), leaves_);
  const std::string key_pem = bytes_in(private_key_path(test.options.folder));
  const std::string lines = bytes_in(test.file("heads"));
  const std::string first_line = lines.substr(0, lines.find('\n'));
  const auto key = PrivateKey::from_pem(key_pem);
  SignedHead head = *head_of(first_line);
  Frontier frontier(Profile::Sha256Ed25519);
  for (std::size_t n = 0; n < 13; ++n) {
    frontier.append(leaf_hash(Profile::Sha256Ed25519, frame(n).substr(0, kLeafBytes)));
  }
  head.size = 13;
  head.root = frontier.root();
  head.signature = *key->sign(signed_text(head));
  std::string latest = text_of(head);
  latest.resize(kLatestBytes, ' ');
  latest.back() = '\n';
  put_bytes(test.file("latest"), latest);
  put_bytes(test.file("heads"), text_of(head) + "\n");
  const auto found = verify(test.options.folder, {.key = key_, .receipts = {receipt}});
  EXPECT_EQ(found->receipts[0], ReceiptState::Missing);
  EXPECT_TRUE(has(*found, FaultKind::Cut, 13)) << said(*found);
}

TEST_F(Verify, ExportsVerifyWholeAndFromTheMiddle) {
  for (const ExportOptions& options :
       {ExportOptions{}, ExportOptions{.first = 5}, ExportOptions{.with_content = false}}) {
    const auto found = check_export(exported(options));
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->good()) << said(*found);
    EXPECT_EQ(found->end, 13u);
    EXPECT_EQ(found->first, options.first);
  }
}

TEST_F(Verify, ContentsThatAreErasedOrCutVerify) {
  test_.open();
  ASSERT_TRUE(test_.log->erase(tickets_[1].index, Body::Content, "admin", "asked"));
  const auto cut = test_.log->admit({.request_id = "cut"}, test_.log->content_of("beg", 9));
  const auto end = test_.log->settle(*cut, {.status = 200}, test_.log->content_of("answer"));
  ASSERT_TRUE(test_.log->wait(*end, Deadline::never()));
  test_.log.reset();
  EXPECT_TRUE(check().good()) << said(check());
  EXPECT_EQ(check().contents, 7u);
  for (const ExportOptions& options :
       {ExportOptions{}, ExportOptions{.first = 5}, ExportOptions{.with_content = false}}) {
    const auto found = check_export(exported(options));
    EXPECT_TRUE(found && found->good()) << said(*found);
  }
}

TEST_F(Verify, EveryFlippedByteOfAnExportIsFound) {
  const std::string good = exported();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= static_cast<char>(1 << (i % 7));
    const auto found = check_export(bad);
    EXPECT_FALSE(found && found->good()) << i << ": " << good.substr(i < 20 ? 0 : i - 20, 40);
  }
}

TEST_F(Verify, EveryLineOfAnExportCounts) {
  std::vector<std::string> lines;
  const std::string good = exported();
  for (std::size_t at = 0; at < good.size();) {
    const std::size_t end = good.find('\n', at) + 1;
    lines.push_back(good.substr(at, end - at));
    at = end;
  }
  const auto joined = [](const std::vector<std::string>& all) {
    std::string text;
    for (const std::string& line : all) text += line;
    return text;
  };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto fewer = lines;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    const bool segment = lines[i].starts_with("{\"segment\"");
    const auto found = check_export(joined(fewer));
    EXPECT_EQ(found && found->good(), segment) << lines[i];
    if (i + 1 == lines.size()) break;
    auto swapped = lines;
    std::swap(swapped[i], swapped[i + 1]);
    const auto other = check_export(joined(swapped));
    EXPECT_FALSE(other && other->good()) << lines[i];
  }
}

TEST_F(Verify, CsvIsSafeForSpreadsheets) {
  test_.open();
  test_.call("x", "=1+1");
  const SignedHead head = test_.log->head();
  std::string text;
  ASSERT_TRUE(export_csv(test_.options.folder, head, {}, [&text](std::string_view piece) {
    text += piece;
    return Status();
  }));
  EXPECT_NE(text.find(R"("'=1+1")"), std::string::npos);
  EXPECT_NE(text.find(R"("{""request"":""r0"",""tenant"":""t"")"), std::string::npos);
}

}  // namespace
}  // namespace xc::audit

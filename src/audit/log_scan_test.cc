#include "audit/log_scan.h"

#include "audit/test_log.h"

namespace xc::audit {
namespace {

TEST(LogScan, opens_each_segment_once_and_reads_what_the_log_reads) {
  TestFolder place;
  LogOptions options = quick_options(place.path("audit"));
  options.segment_leaves = 7;
  const TestLog log(options);
  for (int i = 0; i < 20; ++i) {
    log.log->admit({.request_id = "r" + std::to_string(i)}, log.log->content_of("content"));
  }
  const auto last = log.log->event(RecordText().text("event", "end").take());
  ASSERT_TRUE(log.log->wait(*last, Deadline::never()));
  const auto segments = segments_of(options.folder);
  ASSERT_TRUE(segments);

  LogScan scan(*log.log);
  EXPECT_EQ(scan.size(), log.log->head().size);
  for (std::uint64_t at = scan.size(); at-- > 0;) {
    const auto mine = scan.read(at), theirs = log.log->read(at);
    ASSERT_TRUE(mine && theirs) << at;
    EXPECT_EQ(mine->leaf.index, at);
    EXPECT_EQ(mine->record.text, theirs->record.text);
    EXPECT_EQ(mine->content.text, theirs->content.text);
  }
  EXPECT_EQ(scan.opened(), static_cast<int>(segments->size()));
}

TEST(LogScan, leaves_contents_out) {
  TestLog log;
  const Ticket kept = log.call("kept", "a prompt"), none = log.call("none");
  const Ticket erased = log.call("erased", "a prompt");
  ASSERT_TRUE(log.log->erase(erased.index, Body::Content, "", ""));
  LogScan scan(*log.log);
  for (const auto& [ticket, fate] : {std::pair(kept, Fate::Kept), std::pair(none, Fate::None),
                                     std::pair(erased, Fate::Erased)}) {
    const auto entry = scan.read(ticket.index, Texts::RecordOnly);
    EXPECT_EQ(entry->content.fate, fate);
    EXPECT_EQ(entry->content.text, "");
    EXPECT_EQ(entry->record.fate, Fate::Kept);
    EXPECT_EQ(entry->content_end, scan.read(ticket.index)->content_end);
  }
}

TEST(LogScan, ends_where_the_log_did_when_it_began) {
  TestLog log;
  log.call("first");
  LogScan scan(*log.log);
  log.call("second");
  EXPECT_TRUE(scan.read(scan.size() - 1));
  const auto beyond = scan.read(scan.size());
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().message, Message::AuditNoLeaf);
}

}  // namespace
}  // namespace xc::audit

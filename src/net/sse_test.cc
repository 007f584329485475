#include "net/sse.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace xc::net {
namespace {

std::vector<std::string> read(const std::vector<std::string_view>& pieces) {
  SseReader reader;
  std::vector<std::string> out;
  for (const std::string_view piece : pieces) {
    EXPECT_TRUE(reader.feed(piece));
    while (auto event = reader.next()) out.push_back(event->event + "|" + event->data);
  }
  return out;
}

const std::string kStream =
    "\xEF\xBB\xBF: hello\n"
    "event: first\rdata: a\r\ndata:b\rdata\r\n\r\n"
    "id: 7\nretry: 10\nevent: nothing\n\n"
    "data:  two spaces\nunknown: x\n\n"
    "data: 中文\n\n";
const std::vector<std::string> kEvents{"first|a\nb\n", "| two spaces", "|中文"};

TEST(Sse, reads_the_standards_cases) { EXPECT_EQ(read({kStream}), kEvents); }

TEST(Sse, a_cut_at_any_byte_changes_nothing) {
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut) {
    const std::string_view all = kStream;
    EXPECT_EQ(read({all.substr(0, cut), all.substr(cut)}), kEvents) << cut;
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < kStream.size(); ++i) bytes.push_back({kStream.data() + i, 1});
  EXPECT_EQ(read(bytes), kEvents);
}

// What is taken without a copy and what is fed make the same events, in their order.
TEST(Sse, plain_events_are_taken_where_they_lie) {
  const std::string stream =
      "data: a\n\ndata: \n\n: comment\n\ndata: b\r\n\r\ndata: c\n\nevent: e\ndata: d\n\n"
      "data: x\ndata: y\n\ndata:z\n\n\xEF\xBB\xBF";
  const std::vector<std::string> events{"|a", "|", "|b", "|c", "e|d", "|x\ny", "|z"};
  EXPECT_EQ(read({stream}), events);
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    SseReader reader;
    std::vector<std::string> got;
    int plain = 0;
    for (std::string_view rest :
         {std::string_view(stream).substr(0, cut), std::string_view(stream).substr(cut)}) {
      while (const auto data = reader.take_plain(rest)) {
        got.push_back("|" + std::string(*data));
        ++plain;
      }
      EXPECT_TRUE(reader.feed(rest));
      while (const auto event = reader.next()) got.push_back(event->event + "|" + event->data);
    }
    EXPECT_EQ(got, events) << cut;
    if (cut > 8) {
      EXPECT_GE(plain, 1) << cut;
    }
  }
}

TEST(Sse, pending_tells_a_cut_stream) {
  SseReader reader;
  EXPECT_TRUE(reader.feed("data: a\n"));
  EXPECT_TRUE(reader.pending());
  EXPECT_TRUE(reader.feed("\n"));
  EXPECT_FALSE(reader.pending());
  EXPECT_TRUE(reader.feed("da"));
  EXPECT_TRUE(reader.pending());
}

TEST(Sse, an_event_without_end_is_refused) {
  SseReader lines;
  const std::string line = "data: " + std::string(1u << 20, 'x') + "\n";
  Status status;
  for (std::size_t i = 0; i <= limits::kSseEventBytesMax >> 20 && status; ++i) {
    status = lines.feed(line);
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::Upstream);
  SseReader one_line;
  EXPECT_FALSE(one_line.feed(std::string(limits::kSseEventBytesMax + 1, 'x')));
}

TEST(Sse, what_is_written_reads_back) {
  std::string out;
  append_sse(out, "delta", "a\nb\r\nc\rd");
  EXPECT_EQ(out, "event: delta\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  append_sse(out, "", "");
  EXPECT_EQ(read({out}), (std::vector<std::string>{"delta|a\nb\nc\nd", "|"}));
}

}  // namespace
}  // namespace xc::net

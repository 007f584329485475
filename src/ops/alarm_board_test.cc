#include "ops/alarm_board.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/limits.h"

namespace xc::ops {
namespace {

class Board : public testing::Test {
 protected:
  std::vector<std::string> told() const {
    std::vector<std::string> lines;
    for (const AlarmEvent& event : events) {
      lines.push_back(std::string(name_of(event.change)) + " " + event.alarm.subject);
    }
    return lines;
  }
  void wait(std::chrono::seconds by) {
    clock.advance(by);
    board.tick();
  }

  ManualClock clock;
  SeededRandom random{1};
  std::vector<AlarmEvent> events;
  AlarmBoard board{clock, random, [this](const AlarmEvent& event) { events.push_back(event); }};
};

using Lines = std::vector<std::string>;

TEST_F(Board, tells_a_condition_once) {
  for (int i = 0; i < 5; ++i) {
    board.raise(AlarmKind::DiskLow, "/data", std::to_string(i) + " MiB");
    wait(limits::kWatchInterval);
  }
  EXPECT_EQ(told(), Lines{"raised /data"});
  ASSERT_EQ(board.active().size(), 1u);
  const Alarm alarm = board.active().front();
  EXPECT_EQ(alarm.detail, "4 MiB");
  EXPECT_GT(alarm.seen_unix_ms, alarm.raised_unix_ms);
  EXPECT_EQ(sentence_of(alarm, Language::En), "The disk is nearly full: /data has 4 MiB left");
}

TEST_F(Board, clears_after_the_hold_and_not_before) {
  board.raise(AlarmKind::DiskLow, "/data", "");
  board.clear(AlarmKind::DiskLow, "/data");
  wait(limits::kAlarmHold - std::chrono::seconds(1));
  EXPECT_EQ(board.active().size(), 1u);
  board.raise(AlarmKind::DiskLow, "/data", "");  // it flaps
  wait(limits::kAlarmHold * 2);
  board.clear(AlarmKind::DiskLow, "/data");
  EXPECT_EQ(board.active().size(), 1u);
  wait(limits::kAlarmHold);
  EXPECT_EQ(told(), (Lines{"raised /data", "cleared /data"}));
  EXPECT_TRUE(board.active().empty());
  ASSERT_EQ(board.history().size(), 1u);
  EXPECT_GT(board.history().front().cleared_unix_ms, 0);
  const std::string old = board.history().front().id;
  board.raise(AlarmKind::DiskLow, "/data", "");
  EXPECT_NE(board.active().front().id, old);
}

TEST_F(Board, holds_what_is_named_and_clears_the_others) {
  board.hold(AlarmKind::WorkerCircuitOpen, {{"a", "x"}, {"b", "y"}});
  board.raise(AlarmKind::DiskLow, "a", "");
  board.hold(AlarmKind::WorkerCircuitOpen, {{"b", "z"}});
  wait(limits::kAlarmHold);
  EXPECT_EQ(told(), (Lines{"raised a", "raised b", "raised a", "cleared a"}));
  std::set<std::pair<AlarmKind, std::string>> left;
  for (const Alarm& alarm : board.active()) left.insert({alarm.kind, alarm.subject});
  EXPECT_EQ(left, (std::set<std::pair<AlarmKind, std::string>>{{AlarmKind::WorkerCircuitOpen, "b"},
                                                               {AlarmKind::DiskLow, "a"}}));
}

TEST_F(Board, is_acknowledged_once_and_while_active) {
  board.raise(AlarmKind::DatabaseAway, "db", "refused");
  const std::string id = board.active().front().id;
  EXPECT_EQ(board.acknowledge("alm_other", "key_1").error().message, Message::NoAlarm);
  const auto first = board.acknowledge(id, "key_1");
  ASSERT_TRUE(first);
  clock.advance(std::chrono::seconds(9));
  const auto second = board.acknowledge(id, "key_2");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->acknowledged_by, "key_1");
  EXPECT_EQ(second->acknowledged_unix_ms, first->acknowledged_unix_ms);
  EXPECT_EQ(told(), (Lines{"raised db", "acknowledged db"}));
  board.clear(AlarmKind::DatabaseAway, "db");
  wait(limits::kAlarmHold);
  EXPECT_FALSE(board.acknowledge(id, "key_1"));
}

TEST_F(Board, is_bounded) {
  for (std::size_t i = 0; i < limits::kAlarmsMax + 3; ++i) {
    board.raise(AlarmKind::QuotaSoftLimit, "key " + std::to_string(i), std::string(9'999, 'x'));
  }
  EXPECT_EQ(board.active().size(), limits::kAlarmsMax);
  EXPECT_EQ(board.left_out(), 3u);
  EXPECT_EQ(board.active().front().detail.size(), limits::kAlarmTextBytesMax);
  board.hold(AlarmKind::QuotaSoftLimit, {});
  wait(limits::kAlarmHold);
  EXPECT_EQ(board.history().size(), limits::kAlarmHistoryMax);
}

TEST(Alarms, every_kind_has_a_name_and_a_runbook_of_its_own) {
  std::set<std::string_view> names, runbooks;
  for (const AlarmFacts& facts : alarm_table()) {
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_TRUE(runbooks.insert(facts.runbook).second) << facts.runbook;
    EXPECT_NE(facts.zh.find("{1}"), std::string_view::npos) << facts.name;
    EXPECT_NE(facts.en.find("{1}"), std::string_view::npos) << facts.name;
  }
}

TEST(Alarms, every_kind_has_its_section_in_the_runbook) {
  std::ifstream file("docs/operating/alarms.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const AlarmFacts& facts : alarm_table()) {
    const std::string title = "## " + std::string(facts.runbook) + " · " + std::string(facts.name) +
                              " · " + std::string(name_of(facts.severity)) + "\n";
    EXPECT_NE(text.find(title), std::string::npos) << title;
  }
}

}  // namespace
}  // namespace xc::ops

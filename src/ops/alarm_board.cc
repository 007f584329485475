#include "ops/alarm_board.h"

#include <algorithm>

#include "base/limits.h"

namespace xc::ops {

AlarmBoard::AlarmBoard(const Clock& clock, RandomSource& random, Listener tell)
    : clock_(clock), random_(random), tell_(std::move(tell)) {}

void AlarmBoard::raise(AlarmKind kind, std::string_view subject, std::string_view detail) {
  const std::lock_guard held(mutex_);
  raise_locked(kind, subject, detail);
}

void AlarmBoard::clear(AlarmKind kind, std::string_view subject) {
  const std::lock_guard held(mutex_);
  clear_locked(kind, subject);
}

void AlarmBoard::hold(AlarmKind kind,
                      const std::map<std::string, std::string>& details_by_subject) {
  const std::lock_guard held(mutex_);
  for (const auto& [key, entry] : entries_) {
    if (key.first == kind && !details_by_subject.contains(key.second)) {
      clear_locked(kind, key.second);
    }
  }
  for (const auto& [subject, detail] : details_by_subject) raise_locked(kind, subject, detail);
}

void AlarmBoard::raise_locked(AlarmKind kind, std::string_view subject, std::string_view detail) {
  const std::int64_t now = clock_.unix_ms();
  Key key{kind, std::string(subject.substr(0, limits::kAlarmTextBytesMax))};
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    Entry& entry = found->second;
    entry.gone_since_unix_ms = 0;
    entry.alarm.seen_unix_ms = now;
    entry.alarm.detail = detail.substr(0, limits::kAlarmTextBytesMax);
    return;
  }
  if (entries_.size() >= limits::kAlarmsMax) {
    ++left_out_;
    return;
  }
  Entry entry;
  entry.alarm.kind = kind;
  entry.alarm.subject = key.second;
  entry.alarm.detail = detail.substr(0, limits::kAlarmTextBytesMax);
  entry.alarm.id = make_id(random_, "alm_");
  entry.alarm.raised_unix_ms = entry.alarm.seen_unix_ms = now;
  const Alarm& raised = entries_.emplace(std::move(key), std::move(entry)).first->second.alarm;
  tell_({AlarmChange::Raised, raised});
}

void AlarmBoard::clear_locked(AlarmKind kind, std::string_view subject) {
  const auto found =
      entries_.find({kind, std::string(subject.substr(0, limits::kAlarmTextBytesMax))});
  if (found == entries_.end() || found->second.gone_since_unix_ms != 0) return;
  found->second.gone_since_unix_ms = clock_.unix_ms();
}

void AlarmBoard::tick() {
  constexpr std::int64_t kHoldMs = std::chrono::milliseconds(limits::kAlarmHold).count();
  const std::lock_guard held(mutex_);
  const std::int64_t now = clock_.unix_ms();
  for (auto at = entries_.begin(); at != entries_.end();) {
    const std::int64_t since = at->second.gone_since_unix_ms;
    if (since == 0 || now - since < kHoldMs) {
      ++at;
      continue;
    }
    Alarm alarm = std::move(at->second.alarm);
    at = entries_.erase(at);
    alarm.cleared_unix_ms = now;
    tell_({AlarmChange::Cleared, alarm});
    history_.push_front(std::move(alarm));
    if (history_.size() > limits::kAlarmHistoryMax) history_.pop_back();
  }
}

Result<Alarm> AlarmBoard::acknowledge(std::string_view id, std::string_view by) {
  const std::lock_guard held(mutex_);
  const auto found = std::ranges::find_if(
      entries_, [id](const auto& entry) { return entry.second.alarm.id == id; });
  if (found == entries_.end()) {
    return fail(Code::NotFound, Message::NoAlarm, {std::string(id.substr(0, 64))});
  }
  Alarm& alarm = found->second.alarm;
  if (alarm.acknowledged_unix_ms == 0) {
    alarm.acknowledged_unix_ms = clock_.unix_ms();
    alarm.acknowledged_by = by;
    tell_({AlarmChange::Acknowledged, alarm});
  }
  return alarm;
}

std::vector<Alarm> AlarmBoard::active() const {
  const std::lock_guard held(mutex_);
  std::vector<Alarm> all;
  for (const auto& [key, entry] : entries_) all.push_back(entry.alarm);
  std::ranges::sort(all, std::greater<>(), &Alarm::raised_unix_ms);
  return all;
}

std::vector<Alarm> AlarmBoard::history() const {
  const std::lock_guard held(mutex_);
  return {history_.begin(), history_.end()};
}

std::uint64_t AlarmBoard::left_out() const {
  const std::lock_guard held(mutex_);
  return left_out_;
}

}  // namespace xc::ops

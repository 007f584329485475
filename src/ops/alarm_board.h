// Which alarms are active: a small state machine. An alarm is a kind and a subject.
//
//            raise()                 acknowledge()
//   (none) ───────────▶ active ────────────────────▶ active, acknowledged
//      ▲                   │  condition gone for limits::kAlarmHold      │
//      └────── cleared ◀───┴──────────────────────────────────────────────┘
//
// Raising an active alarm again only updates it, so a condition that is looked at every few seconds
// tells people once. A condition that comes back within the hold was never gone.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "ops/alarm.h"

namespace xc::ops {

// Thread-safe. In memory: after a restart conditions that still hold raise anew; the audit log has
// every change.
class AlarmBoard {
 public:
  // `tell` gets every change, in order, one at a time; it must not call the board nor wait.
  using Listener = std::function<void(const AlarmEvent&)>;
  AlarmBoard(const Clock& clock, RandomSource& random, Listener tell);
  AlarmBoard(const AlarmBoard&) = delete;
  AlarmBoard& operator=(const AlarmBoard&) = delete;

  // The condition holds. Beyond limits::kAlarmsMax nothing is added, only counted.
  void raise(AlarmKind kind, std::string_view subject, std::string_view detail);
  // It does not hold (any more). Nothing happens when it never did.
  void clear(AlarmKind kind, std::string_view subject);
  // The subjects for which a kind's condition holds now: raises these and clears the others.
  void hold(AlarmKind kind, const std::map<std::string, std::string>& details_by_subject);
  // Clears what has been gone for long enough. Call every few seconds.
  void tick();
  // Somebody is at it: it stays active but needs nobody's attention. Error: NoAlarm. Doing it again
  // changes nothing.
  Result<Alarm> acknowledge(std::string_view id, std::string_view by);

  std::vector<Alarm> active() const;   // newest first
  std::vector<Alarm> history() const;  // cleared ones, the last to be cleared first
  std::uint64_t left_out() const;

 private:
  struct Entry {
    Alarm alarm;
    std::int64_t gone_since_unix_ms = 0;  // 0: the condition holds
  };
  using Key = std::pair<AlarmKind, std::string>;
  void raise_locked(AlarmKind kind, std::string_view subject, std::string_view detail);
  void clear_locked(AlarmKind kind, std::string_view subject);

  const Clock& clock_;
  RandomSource& random_;
  const Listener tell_;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::deque<Alarm> history_;
  std::uint64_t left_out_ = 0;
};

}  // namespace xc::ops

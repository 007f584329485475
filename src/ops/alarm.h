// What can be wrong with the platform, as a closed list. Each kind has a severity, a sentence in
// both languages and a runbook: a section of docs/operating/alarms.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace xc::ops {

// The words of ITU-T X.733; in the order of the syslog severities they are sent as.
enum class Severity : std::uint8_t { Critical, Major, Minor, Warning };
std::string_view name_of(Severity severity);  // "critical" …

enum class AlarmKind : std::uint8_t {
#define XC_ALARM(kind, name, severity, runbook, zh, en) kind,
#include "ops/alarms.def"
#undef XC_ALARM
  Count,
};

struct AlarmFacts {
  AlarmKind kind;
  std::string_view name;  // "disk_low", on the wire and as a metric's label
  Severity severity;
  std::string_view runbook;  // "XC-A02"
  std::string_view zh, en;   // {0}: the subject, {1}: the detail
};
std::span<const AlarmFacts> alarm_table();
const AlarmFacts& facts_of(AlarmKind kind);

// One alarm at one time. `id` is new whenever the condition comes back.
struct Alarm {
  AlarmKind kind = AlarmKind::Count;
  std::string subject;  // which model, folder, account …
  std::string detail;   // numbers, or what the system said; English
  std::string id;       // "alm_…"
  std::int64_t raised_unix_ms = 0;
  std::int64_t seen_unix_ms = 0;     // when the condition last held
  std::int64_t cleared_unix_ms = 0;  // 0: active
  std::int64_t acknowledged_unix_ms = 0;
  std::string acknowledged_by;  // a key's or a user's id
};
std::string sentence_of(const Alarm& alarm, Language language);

enum class AlarmChange : std::uint8_t { Raised, Cleared, Acknowledged };
std::string_view name_of(AlarmChange change);
struct AlarmEvent {
  AlarmChange change = AlarmChange::Raised;
  Alarm alarm;
};

}  // namespace xc::ops

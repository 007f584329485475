#include "ops/alarm.h"

#include <array>

#include "base/assert.h"

namespace xc::ops {
namespace {

constexpr std::array kTable{
#define XC_ALARM(kind, name, severity, runbook, zh, en) \
  AlarmFacts{AlarmKind::kind, name, Severity::severity, runbook, zh, en},
#include "ops/alarms.def"
#undef XC_ALARM
};
static_assert(kTable.size() == static_cast<std::size_t>(AlarmKind::Count));

void fill(std::string& text, std::string_view slot, const std::string& value) {
  const std::size_t at = text.find(slot);
  if (at != std::string::npos) text.replace(at, slot.size(), value);
}

}  // namespace

std::string_view name_of(Severity severity) {
  constexpr std::array<std::string_view, 4> kNames{"critical", "major", "minor", "warning"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::string_view name_of(AlarmChange change) {
  constexpr std::array<std::string_view, 3> kNames{"raised", "cleared", "acknowledged"};
  return kNames[static_cast<std::size_t>(change)];
}

std::span<const AlarmFacts> alarm_table() { return kTable; }

const AlarmFacts& facts_of(AlarmKind kind) {
  XC_ASSERT(kind < AlarmKind::Count);
  return kTable[static_cast<std::size_t>(kind)];
}

std::string sentence_of(const Alarm& alarm, Language language) {
  const AlarmFacts& facts = facts_of(alarm.kind);
  std::string text(language == Language::Zh ? facts.zh : facts.en);
  fill(text, "{1}", alarm.detail);  // from the back: a subject may hold braces
  fill(text, "{0}", alarm.subject);
  return text;
}

}  // namespace xc::ops

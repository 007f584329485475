// What `xingcha plan` prints. Pure.
#pragma once

#include <string>
#include <vector>

#include "app/text.h"
#include "catalog/plan.h"
#include "catalog/plan_commands.h"

namespace xc::app {

struct PlanReport {
  const catalog::Release& release;
  catalog::PlanAsk ask;
  catalog::Memory memory;
  catalog::HerePlan here;
  std::vector<catalog::CardPlan> cards;
};

// all_commands: those of every card of the report; else of the first Ascend and the first NVIDIA
// card on which an engine serves the release.
std::string report_text(const PlanReport& report, Language language, bool all_commands);
std::string report_json(const PlanReport& report);

// Every known release with its state on this machine.
std::string releases_text(const catalog::PlanData& data, const catalog::PlanAsk& ask,
                          const catalog::Memory& memory, Language language);
std::string releases_json(const catalog::PlanData& data, const catalog::PlanAsk& ask,
                          const catalog::Memory& memory);

}  // namespace xc::app

#include <fmt/format.h>

#include <algorithm>

#include "app/command.h"
#include "app/plan_report.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

struct PlanFlags {
  std::string name, card, precision;
  int context = 8192, concurrency = 1;
  double tokens_per_second = 0;
  bool json = false;
};

catalog::PlanAsk ask_of(const PlanFlags& flags) {
  return {static_cast<std::uint64_t>(flags.context), static_cast<std::uint64_t>(flags.concurrency),
          flags.tokens_per_second, flags.precision};
}

Result<int> plan(const Surroundings& here, const PlanFlags& flags) {
  XC_TRY(const catalog::PlanData data, catalog::PlanData::open(here.home.root + "/plan.toml"));
  const catalog::Memory memory = catalog::memory_here();
  const catalog::PlanAsk ask = ask_of(flags);
  if (flags.name.empty()) {
    fmt::print("{}", flags.json ? releases_json(data, ask, memory)
                                : releases_text(data, ask, memory, here.language));
    return kExitFine;
  }
  const catalog::Release* release = data.find(flags.name);
  if (release == nullptr) return fail(Code::NotFound, Message::NoPlan, {flags.name});
  PlanReport report{*release, ask, memory, catalog::plan_here(*release, ask, memory), {}};
  for (const catalog::Card& card : data.cards()) {
    if (!flags.card.empty() && card.name != flags.card) continue;
    report.cards.push_back(catalog::plan_on(card, *release, ask));
  }
  if (report.cards.empty()) {
    std::string names;
    for (const catalog::Card& card : data.cards()) names += " " + card.name;
    return fail(Code::InvalidRequest, Message::BadValue, {"--card", flags.card, names.substr(1)});
  }
  fmt::print("{}", flags.json ? report_json(report)
                              : report_text(report, here.language, !flags.card.empty()));
  return kExitFine;
}

std::vector<std::string> precisions() {
  std::vector<std::string> names;
  for (const std::string_view name : catalog::precision_names()) names.emplace_back(name);
  return names;
}

}  // namespace

Command plan_command() {
  const auto flags = std::make_shared<PlanFlags>();
  Command command{"plan", texts::HelpPlan};
  command.options = {
      {.name = "MODEL", .value = "MODEL", .help = texts::HelpPlanModel, .target = &flags->name},
      {.name = "--context",
       .value = "N",
       .help = texts::HelpPlanContext,
       .target = &flags->context,
       .low = 1,
       .high = 16'000'000},
      {.name = "--concurrency",
       .value = "N",
       .help = texts::HelpPlanConcurrency,
       .target = &flags->concurrency,
       .low = 1,
       .high = 65'536},
      {.name = "--tokens-per-second",
       .value = "N",
       .help = texts::HelpPlanSpeed,
       .target = &flags->tokens_per_second,
       .low = 0,
       .high = 1e6},
      {.name = "--precision",
       .value = "TYPE",
       .help = texts::HelpPlanPrecision,
       .target = &flags->precision,
       .choices = precisions()},
      {.name = "--card", .value = "CARD", .help = texts::HelpPlanCard, .target = &flags->card},
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  command.run = [flags](const Surroundings& here) { return plan(here, *flags); };
  return command;
}

}  // namespace xc::app

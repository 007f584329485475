// The report for people; plan_json.cc has the one for scripts.
#include "app/plan_report.h"

#include <fmt/format.h>

#include "app/terminal.h"

namespace xc::app {
namespace {

using catalog::CardPlan;
using catalog::Release;

std::string bytes_of(double value) {
  return bytes_text(value < 1e18 ? static_cast<std::uint64_t>(value) : UINT64_MAX);
}

std::string in(Language language, const std::string& zh, const std::string& en) {
  return language == Language::Zh ? zh : en;
}

std::string range(double low, double high) {
  return low < 10 ? fmt::format("{:.1f} – {:.1f}", low, high)
                  : fmt::format("{:.0f} – {:.0f}", low, high);
}

std::string sampling_text(const schema::Sampling& sampling) {
  std::string out;
  const auto add = [&out](std::string_view name, const auto& value) {
    if (value) out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, *value);
  };
  add("temperature", sampling.temperature);
  add("top_p", sampling.top_p);
  add("top_k", sampling.top_k);
  add("repetition_penalty", sampling.repetition_penalty);
  return out;
}

// What a worker here does besides: vectors of any model that it loads.
std::string functions_text(const Release& release) {
  return fmt::format("{}{}", fmt::join(release.functions, " "),
                     release.converts ? " embedding" : "");
}

std::string facts_text(const Release& release, Language language) {
  Table table;
  const auto row = [&](const Bilingual& title, std::string value) {
    if (!value.empty()) table.add({std::string(title.in(language)), std::move(value)});
  };
  row(texts::ColName, release.name);
  row(texts::RowTitle, in(language, release.title_zh, release.title_en));
  const double active = catalog::active_parameters_of(release.shape) / 1e9;
  row(texts::RowParameters,
      release.shape.experts == 0
          ? fmt::format("{:.4g} B", catalog::parameters_of(release.shape) / 1e9)
          : say<texts::PlanExperts>(
                language, fmt::format("{:.4g} B", catalog::parameters_of(release.shape) / 1e9),
                fmt::format("{:.3g} B", active)));
  row(texts::RowTrained, std::to_string(release.context));
  row(texts::PlanReleasedAs, fmt::format("{}", fmt::join(release.precisions, " ")));
  row(texts::ColCan, functions_text(release));
  if (release.converts) row(texts::PlanEmbedding, std::string(texts::PlanMean.in(language)));
  if (!release.exact) row(texts::PlanExact, std::string(texts::PlanNotExact.in(language)));
  row(texts::PlanSampling, sampling_text(release.sampling));
  row(texts::RowLicence, release.licence.licence.spdx + " " + release.licence.licence.url);
  row(texts::PlanTerms, in(language, release.licence.note_zh, release.licence.note_en));
  row(texts::RowNotes, in(language, release.notes_zh, release.notes_en));
  return table.text();
}

std::string here_text(const catalog::HerePlan& here, const catalog::Memory& memory,
                      Language language) {
  const std::string free = bytes_text(memory.available_bytes);
  switch (here.state) {
    case catalog::State::RunsHere:
      return say<texts::PlanRunsHere>(language, here.precision, bytes_text(here.need.total()),
                                      free);
    case catalog::State::NeedsMemory:
      return say<texts::PlanNeedsMemory>(language, here.precision, bytes_text(here.need.total()),
                                         bytes_text(here.missing_bytes), free);
    case catalog::State::RemoteOnly:
      break;
  }
  return std::string(texts::PlanRemoteOnly.in(language));
}

// Every precision: the file's weights, what they need with the KV cache, and whether that is here.
std::string precisions_text(const PlanReport& report, Language language) {
  Table table;
  table.add({std::string(texts::PlanColPrecision.in(language)),
             std::string(texts::PlanColWeights.in(language)),
             std::string(texts::ColState.in(language))});
  for (const std::string_view name : catalog::precision_names()) {
    catalog::PlanAsk ask = report.ask;
    ask.precision = name;
    const catalog::HerePlan here = catalog::plan_here(report.release, ask, report.memory);
    table.add({std::string(name),
               bytes_of(catalog::weights_bytes(report.release.shape, *catalog::precision_of(name))),
               here_text(here, report.memory, language)});
  }
  return table.text();
}

// "8 x h20 (vllm sglang), 16 x ascend-910b (mindie)"; empty where no engine is known.
std::string elsewhere_text(const std::vector<CardPlan>& plans) {
  std::string out;
  for (const CardPlan& plan : plans) {
    out += fmt::format("{}{} x {} ({})", out.empty() ? "" : ", ", plan.cards, plan.card->name,
                       fmt::join(plan.engines, " "));
  }
  return out;
}

std::string cards_text(const PlanReport& report, Language language) {
  Table table;
  std::vector<std::string> head;
  for (const Bilingual& title :
       {texts::PlanColCard, texts::PlanColPrecision, texts::PlanColCards, texts::PlanColServers,
        texts::PlanColEach, texts::PlanColStream, texts::PlanColTotal, texts::PlanColEngines}) {
    head.emplace_back(title.in(language));
  }
  table.add(std::move(head));
  for (const CardPlan& plan : report.cards) {
    const std::string engines = plan.engines.empty()
                                    ? std::string(texts::PlanNoEngine.in(language))
                                    : fmt::format("{}", fmt::join(plan.engines, " "));
    if (plan.cards == 0) {
      table.add({plan.card->name, plan.precision, std::string(texts::PlanNever.in(language)), "",
                 "", "", "", engines});
      continue;
    }
    table.add({plan.card->name, plan.precision,
               fmt::format("{}{}", plan.cards, plan.fast_enough ? "" : " *"),
               std::to_string(plan.servers), bytes_of(plan.card_bytes),
               range(plan.speed.stream_low, plan.speed.stream_high),
               range(plan.speed.total_low, plan.speed.total_high), engines});
  }
  return table.text();
}

std::string commands_text(const PlanReport& report, const CardPlan& plan, Language language) {
  std::string out;
  for (const catalog::EngineCommand& engine :
       catalog::commands_of(report.release, plan, report.ask)) {
    out += fmt::format("\n{}\n{}\n",
                       say<texts::PlanStart>(language, engine.engine, engine.since,
                                             plan.card->title, plan.cards, plan.servers),
                       engine.command);
    if (!catalog::is_released(report.release, plan.precision)) {
      out += say<texts::PlanOtherPrecision>(language, plan.precision) + "\n";
    }
    if (!engine.config.empty()) {
      out += fmt::format("{}\n{}\n", texts::PlanMindie.in(language), engine.config);
    }
    out += fmt::format("{}\n{}\n", texts::PlanEndpoint.in(language),
                       catalog::joining_of(report.release, plan, engine));
  }
  return out;
}

}  // namespace

std::string report_text(const PlanReport& report, Language language, bool all_commands) {
  const Release& release = report.release;
  std::string out = facts_text(release, language);
  const double kv = catalog::kv_bytes_per_token(release.shape);
  out += fmt::format(
      "\n{}\n",
      say<texts::PlanDemand>(language, report.ask.context, report.ask.concurrency, bytes_of(kv),
                             bytes_of(kv * static_cast<double>(report.ask.context) *
                                      static_cast<double>(report.ask.concurrency))));
  if (report.ask.context > release.context) {
    out += say<texts::ContextTooLong>(language, report.ask.context, release.context) + "\n";
  }
  out += here_text(report.here, report.memory, language) + "\n\n";
  out += precisions_text(report, language) + "\n";
  out += cards_text(report, language);
  const bool slow = std::ranges::any_of(
      report.cards, [](const CardPlan& plan) { return plan.cards != 0 && !plan.fast_enough; });
  if (slow) {
    out += say<texts::PlanTooSlow>(language, report.ask.tokens_per_second) + "\n";
  }
  out += fmt::format("{}\n", texts::PlanFormula.in(language));
  for (const CardPlan& plan : report.cards) {
    if (all_commands) {
      out +=
          say<texts::PlanSource>(language, plan.card->name, plan.card->basis, plan.card->source) +
          "\n";
    }
  }
  std::string last_vendor;
  for (const CardPlan& plan : report.cards) {
    if (plan.cards == 0 || plan.engines.empty()) continue;
    if (!all_commands && plan.card->vendor == last_vendor) continue;
    last_vendor = plan.card->vendor;
    out += commands_text(report, plan, language);
  }
  return out;
}

std::string releases_text(const catalog::PlanData& data, const catalog::PlanAsk& ask,
                          const catalog::Memory& memory, Language language) {
  Table table;
  std::vector<std::string> head;
  for (const Bilingual& title :
       {texts::ColName, texts::RowParameters, texts::PlanReleasedAs, texts::ColContext,
        texts::ColCan, texts::RowLicence, texts::ColState}) {
    head.emplace_back(title.in(language));
  }
  table.add(std::move(head));
  for (const Release& release : data.releases()) {
    const catalog::HerePlan here = catalog::plan_here(release, ask, memory);
    std::string state = here_text(here, memory, language);
    const std::string cards = elsewhere_text(catalog::fewest_cards(data.cards(), release, ask));
    if (here.state != catalog::State::RemoteOnly && !release.exact) {
      state += " " + std::string(texts::PlanNotExact.in(language));
    }
    if (here.state != catalog::State::RunsHere && !cards.empty()) {
      state += say<texts::PlanNeedsCards>(language, cards);
    }
    table.add({release.name, fmt::format("{:.4g} B", catalog::parameters_of(release.shape) / 1e9),
               fmt::format("{}", fmt::join(release.precisions, " ")),
               std::to_string(release.context), functions_text(release),
               release.licence.licence.spdx, std::move(state)});
  }
  return table.text();
}

}  // namespace xc::app

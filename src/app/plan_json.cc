// `xingcha plan --json`.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "app/plan_report.h"

namespace xc::app {
namespace {

namespace json = boost::json;

std::uint64_t whole(double value) {
  return value < 1e18 ? static_cast<std::uint64_t>(value) : UINT64_MAX;
}

std::string_view name_of(catalog::State state) {
  if (state == catalog::State::RunsHere) return "runs_here";
  return state == catalog::State::NeedsMemory ? "needs_memory" : "remote_only";
}

json::object json_of(const catalog::HerePlan& here, const catalog::Memory& memory) {
  json::object out{{"state", name_of(here.state)}, {"available_bytes", memory.available_bytes}};
  if (here.state == catalog::State::RemoteOnly) return out;
  out["precision"] = here.precision;
  out["need_bytes"] = here.need.total();
  out["weights_bytes"] = here.need.weights_bytes;
  out["kv_bytes"] = here.need.kv_bytes;
  out["missing_bytes"] = here.missing_bytes;
  return out;
}

json::object json_of(const schema::Sampling& sampling) {
  json::object out;
  if (sampling.temperature) out["temperature"] = *sampling.temperature;
  if (sampling.top_p) out["top_p"] = *sampling.top_p;
  if (sampling.top_k) out["top_k"] = *sampling.top_k;
  if (sampling.repetition_penalty) out["repetition_penalty"] = *sampling.repetition_penalty;
  return out;
}

json::object json_of(const catalog::Release& release) {
  json::array functions(release.functions.begin(), release.functions.end());
  if (release.converts) functions.emplace_back("embedding");
  return json::object{
      {"name", release.name},
      {"family", release.family},
      {"parameters", whole(catalog::parameters_of(release.shape))},
      {"active_parameters", whole(catalog::active_parameters_of(release.shape))},
      {"context", release.context},
      {"precision", release.precision},
      {"precisions", json::array(release.precisions.begin(), release.precisions.end())},
      {"functions", std::move(functions)},
      {"licence", json::object{{"spdx", release.licence.licence.spdx},
                               {"url", release.licence.licence.url},
                               {"ask", release.licence.licence.ask}}},
      {"sampling", json_of(release.sampling)},
      {"converts", release.converts},
      {"exact", release.exact}};
}

// What each precision takes: files of ours with their state here, others as engines load them.
json::array precisions_of(const PlanReport& report) {
  json::array out;
  for (const std::string_view name : catalog::precision_names()) {
    catalog::PlanAsk ask = report.ask;
    ask.precision = name;
    json::object row =
        json_of(catalog::plan_here(report.release, ask, report.memory), report.memory);
    row["precision"] = name;
    row["weights_bytes"] =
        whole(catalog::weights_bytes(report.release.shape, *catalog::precision_of(name)));
    out.push_back(std::move(row));
  }
  return out;
}

json::array elsewhere_of(const std::vector<catalog::CardPlan>& plans) {
  json::array out;
  for (const catalog::CardPlan& plan : plans) {
    out.push_back(json::object{{"card", plan.card->name},
                               {"cards", plan.cards},
                               {"servers", plan.servers},
                               {"precision", plan.precision},
                               {"engines", json::array(plan.engines.begin(), plan.engines.end())}});
  }
  return out;
}

json::object json_of(const catalog::CardPlan& plan, const PlanReport& report) {
  json::object out{{"card", plan.card->name},
                   {"title", plan.card->title},
                   {"basis", plan.card->basis},
                   {"source", plan.card->source},
                   {"precision", plan.precision},
                   {"released_precision", catalog::is_released(report.release, plan.precision)},
                   {"cards", plan.cards},
                   {"servers", plan.servers},
                   {"engines", json::array(plan.engines.begin(), plan.engines.end())}};
  if (plan.cards == 0) return out;
  out["weights_bytes"] = whole(plan.weights_bytes);
  out["kv_bytes"] = whole(plan.kv_bytes);
  out["bytes_on_each"] = whole(plan.card_bytes);
  out["stream_tokens_per_second"] = json::array{plan.speed.stream_low, plan.speed.stream_high};
  out["total_tokens_per_second"] = json::array{plan.speed.total_low, plan.speed.total_high};
  out["fast_enough"] = plan.fast_enough;
  json::array commands;
  for (const auto& engine : catalog::commands_of(report.release, plan, report.ask)) {
    commands.push_back(
        json::object{{"engine", engine.engine},
                     {"since", engine.since},
                     {"command", engine.command},
                     {"config", engine.config.empty() ? json::value() : json::parse(engine.config)},
                     {"endpoint", json::parse(catalog::endpoint_of(report.release, plan, engine))},
                     {"joining", catalog::joining_of(report.release, plan, engine)}});
  }
  out["commands"] = std::move(commands);
  return out;
}

}  // namespace

std::string report_json(const PlanReport& report) {
  json::object out{{"model", json_of(report.release)},
                   {"context", report.ask.context},
                   {"concurrency", report.ask.concurrency},
                   {"kv_bytes_per_token", whole(catalog::kv_bytes_per_token(report.release.shape))},
                   {"here", json_of(report.here, report.memory)},
                   {"measured", false}};
  out["precisions"] = precisions_of(report);
  json::array cards;
  for (const catalog::CardPlan& plan : report.cards) cards.push_back(json_of(plan, report));
  out["cards"] = std::move(cards);
  return json::serialize(out) + "\n";
}

std::string releases_json(const catalog::PlanData& data, const catalog::PlanAsk& ask,
                          const catalog::Memory& memory) {
  json::array list;
  for (const catalog::Release& release : data.releases()) {
    json::object row = json_of(release);
    row["here"] = json_of(catalog::plan_here(release, ask, memory), memory);
    row["elsewhere"] = elsewhere_of(catalog::fewest_cards(data.cards(), release, ask));
    list.push_back(std::move(row));
  }
  return json::serialize(json::object{{"releases", std::move(list)}}) + "\n";
}

}  // namespace xc::app

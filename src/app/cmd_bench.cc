#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/bench.h"
#include "app/command.h"
#include "app/machine.h"
#include "app/server_process.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct BenchFlags {
  BenchPlan plan;
  bool json = false;
};

json::object json_of(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.low}, {"max", spread.high}};
}

void print_json(const BenchPlan& plan, const BenchResult& result, const std::string& cpu) {
  const json::object out{{"model", plan.model},
                         {"version", XC_VERSION},
                         {"cpu", cpu},
                         {"streams", plan.streams},
                         {"repeats", plan.repeats},
                         {"prompt_tokens", plan.prompt_tokens},
                         {"tokens", plan.tokens},
                         {"ttft_ms", json_of(result.ttft_ms)},
                         {"prefill_tok_s", json_of(result.prefill_tok_s)},
                         {"decode_one_tok_s", json_of(result.decode_one_tok_s)},
                         {"decode_many_tok_s", json_of(result.decode_many_tok_s)}};
  fmt::print("{}\n", json::serialize(out));
}

void print_table(const BenchPlan& plan, const BenchResult& result, const std::string& cpu,
                 Language language) {
  fmt::print("{}\n\n", say<texts::BenchTitle>(language, plan.model, plan.prompt_tokens, plan.tokens,
                                              plan.repeats, cpu));
  Table table;
  table.add(
      {std::string(texts::BenchMetric.in(language)), std::string(texts::BenchMedian.in(language)),
       std::string(texts::BenchLow.in(language)), std::string(texts::BenchHigh.in(language))});
  const auto row = [&table](std::string name, const Spread& spread) {
    table.add({std::move(name), fmt::format("{:.1f}", spread.median),
               fmt::format("{:.1f}", spread.low), fmt::format("{:.1f}", spread.high)});
  };
  row(std::string(texts::BenchTtft.in(language)), result.ttft_ms);
  row(std::string(texts::BenchPrefill.in(language)), result.prefill_tok_s);
  row(std::string(texts::BenchDecodeOne.in(language)), result.decode_one_tok_s);
  row(say<texts::BenchDecodeMany>(language, plan.streams), result.decode_many_tok_s);
  fmt::print("{}", table.text());
}

Result<int> bench(const Surroundings& here, const BenchFlags& flags) {
  XC_TRY(const ApiClient api, reach_server(here));
  XC_TRY(const BenchResult result, run_bench(api, flags.plan, here.language));
  const std::string cpu = cpu_here().model;
  if (flags.json) {
    print_json(flags.plan, result, cpu);
  } else {
    print_table(flags.plan, result, cpu, here.language);
  }
  return kExitFine;
}

}  // namespace

Command bench_command() {
  const auto flags = std::make_shared<BenchFlags>();
  Command command{"bench", texts::HelpBench};
  command.options = {{.name = "MODEL",
                      .value = "MODEL",
                      .help = texts::HelpModel,
                      .target = &flags->plan.model,
                      .required = true,
                      .complete = Complete::Model}};
  const auto add = [&command](std::string name, Bilingual help, int& target, double low,
                              double high) {
    const std::string standard = std::to_string(target);
    command.options.push_back({.name = std::move(name),
                               .value = "N",
                               .help = help,
                               .target = &target,
                               .low = low,
                               .high = high,
                               .note = [standard](Language language) {
                                 return say<texts::DefaultIs>(language, standard);
                               }});
  };
  add("--streams", texts::HelpBenchStreams, flags->plan.streams, 1, 256);
  add("--repeats", texts::HelpBenchRepeats, flags->plan.repeats, 1, 1000);
  add("--prompt-tokens", texts::HelpBenchPrompt, flags->plan.prompt_tokens, 16, 100'000);
  add("--tokens", texts::HelpBenchTokens, flags->plan.tokens, 2, 100'000);
  command.options.push_back(
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json});
  command.run = [flags](const Surroundings& here) { return bench(here, *flags); };
  return command;
}

}  // namespace xc::app

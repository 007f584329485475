#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/command.h"
#include "app/eval.h"
#include "app/server_process.h"
#include "base/limits.h"
#include "store/atomic_file.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct EvalFlags {
  EvalOptions options;
  std::string file;
  bool json = false;
};

// One body of a request holds the text of a perplexity, so that is the bound of all files.
Result<std::string> read_file(const EvalFlags& flags) {
  return store::read_bounded(flags.file, limits::kBodyBytesMax);
}

json::object json_of(const Mean& mean) {
  return {{"value", mean.value}, {"standard_error", mean.error}, {"count", mean.count}};
}

void print(const EvalFlags& flags, json::object result, const std::string& line) {
  if (!flags.json) {
    fmt::print("{}\n", line);
    return;
  }
  result["model"] = flags.options.model;
  result["file"] = flags.file;
  fmt::print("{}\n", json::serialize(result));
}

std::string percent(const Mean& mean) {
  return fmt::format("{:.2f} % ± {:.2f}", 100 * mean.value, 100 * mean.error);
}

Result<int> perplexity(const Surroundings& here, const EvalFlags& flags) {
  XC_TRY(const std::string text, read_file(flags));
  XC_TRY(const ApiClient api, reach_server(here));
  XC_TRY(const Perplexity found, run_perplexity(api, flags.options, text, here.language));
  print(flags,
        {{"perplexity", found.value},
         {"low", found.low},
         {"high", found.high},
         {"nats_per_token", json_of(found.nats)},
         {"bits_per_byte", found.bits_per_byte},
         {"window", flags.options.window}},
        say<texts::EvalPerplexity>(here.language, fmt::format("{:.4f}", found.value),
                                   fmt::format("{:.4f}–{:.4f}", found.low, found.high),
                                   fmt::format("{:.4f}", found.bits_per_byte), found.nats.count));
  return kExitFine;
}

// Asks the server about what `parse` finds in the file; `show` prints the result.
Result<int> items(const Surroundings& here, const EvalFlags& flags, auto parse, auto run,
                  auto show) {
  XC_TRY(const std::string text, read_file(flags));
  XC_TRY(const auto found, parse(text, here.language));
  XC_TRY(const ApiClient api, reach_server(here));
  XC_TRY(const auto result, run(api, flags.options, found, here.language));
  show(result);
  return kExitFine;
}

Result<int> choice(const Surroundings& here, const EvalFlags& flags) {
  return items(here, flags, &parse_choices, &run_choice, [&](const ChoiceResult& found) {
    print(flags,
          {{"accuracy", json_of(found.right)},
           {"accuracy_normalised", json_of(found.right_normalised)}},
          say<texts::EvalChoice>(here.language, percent(found.right),
                                 percent(found.right_normalised), found.right.count));
  });
}

Result<int> exact(const Surroundings& here, const EvalFlags& flags) {
  return items(here, flags, &parse_exact, &run_exact, [&](const Mean& found) {
    print(flags, {{"accuracy", json_of(found)}},
          say<texts::EvalExact>(here.language, percent(found), found.count));
  });
}

using Run = Result<int> (*)(const Surroundings&, const EvalFlags&);

Command part(std::string name, Bilingual help, Run run) {
  const auto flags = std::make_shared<EvalFlags>();
  Command command{std::move(name), help};
  command.options = {{.name = "FILE",
                      .value = "FILE",
                      .help = texts::HelpEvalFile,
                      .target = &flags->file,
                      .required = true,
                      .complete = Complete::File},
                     {.name = "--model",
                      .value = "MODEL",
                      .help = texts::HelpModel,
                      .target = &flags->options.model,
                      .required = true,
                      .complete = Complete::Model},
                     {.name = "--limit",
                      .value = "N",
                      .help = texts::HelpEvalLimit,
                      .target = &flags->options.limit,
                      .low = 0,
                      .high = 1e9}};
  if (run == &perplexity) {
    command.options.push_back({.name = "--window",
                               .value = "N",
                               .help = texts::HelpEvalWindow,
                               .target = &flags->options.window,
                               .low = 2,
                               .high = 1'000'000});
  }
  if (run == &exact) {
    command.options.push_back({.name = "--max-tokens",
                               .value = "N",
                               .help = texts::HelpEvalMaxTokens,
                               .target = &flags->options.max_tokens,
                               .low = 1,
                               .high = 1'000'000});
  }
  command.options.push_back(
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json});
  command.run = [flags, run](const Surroundings& here) { return run(here, *flags); };
  return command;
}

}  // namespace

Command eval_command() {
  Command command{"eval", texts::HelpEval};
  command.commands = {part("perplexity", texts::HelpEvalPerplexity, &perplexity),
                      part("choice", texts::HelpEvalChoice, &choice),
                      part("exact", texts::HelpEvalExact, &exact)};
  return command;
}

}  // namespace xc::app

// Turns the command table into a CLI11 parser, and what it parsed into the commands' own values.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdio>

#include "app/command.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

struct Bound {
  const Option* option;
  CLI::Option* parsed;
};
// A command, its parser and its children's.
struct Node {
  const Command* command;
  CLI::App* parser;
  std::vector<Bound> options;
  std::vector<Node> children;
};

bool is_flag(const Option& option) { return option.value.empty() && !option.positional(); }
bool is_list(const Option& option) {
  return std::holds_alternative<std::vector<std::string>*>(option.target);
}

Bound bind(CLI::App& parser, const Option& option) {
  if (is_flag(option)) return {&option, parser.add_flag(option.name)};
  CLI::Option* parsed = parser.add_option(option.name);
  if (is_list(option)) {
    parsed->expected(1, INT_MAX / 4)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    parsed->allow_extra_args(option.positional());
  } else {
    parsed->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  return {&option, parsed};
}

Node build(const Command& command, CLI::App& parser) {
  Node node{&command, &parser, {}, {}};
  parser.set_help_flag("-h,--help");
  parser.fallthrough();
  parser.require_subcommand(0, command.commands.empty() ? 0 : 1);
  for (const Option& option : command.options) node.options.push_back(bind(parser, option));
  for (const Command& child : command.commands) {
    node.children.push_back(build(child, *parser.add_subcommand(child.name)));
  }
  return node;
}

// The command that the words name, and how it is called ("xingcha key create").
const Node& chosen(const Node& node, std::string& path) {
  for (const Node& child : node.children) {
    if (!child.parser->parsed()) continue;
    path += " " + child.command->name;
    return chosen(child, path);
  }
  return node;
}

template <typename T>
std::optional<T> number_in(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Puts one text where the option points. The reason when it does not fit.
std::optional<std::string> put(const Option& option, const std::string& text, Language language) {
  if (!option.choices.empty() && std::ranges::find(option.choices, text) == option.choices.end()) {
    return say<texts::MustBeOneOf>(language, fmt::format("{}", fmt::join(option.choices, " ")));
  }
  const auto bounded = [&](auto value, auto assign) -> std::optional<std::string> {
    using Number = typename decltype(value)::value_type;
    if (value && *value >= option.low && *value <= option.high) {
      assign(*value);
      return std::nullopt;
    }
    if constexpr (std::is_same_v<Number, int>) {
      return say<texts::MustBeInteger>(language, std::max<double>(option.low, INT_MIN),
                                       std::min<double>(option.high, INT_MAX));
    } else {
      return say<texts::MustBeNumber>(language, option.low, option.high);
    }
  };
  return std::visit(
      [&]<typename T>(T* target) -> std::optional<std::string> {
        if constexpr (std::is_same_v<T, bool>) {
          *target = text == "true";
          return std::nullopt;
        } else if constexpr (std::is_same_v<T, int> || std::is_same_v<T, std::optional<int>>) {
          return bounded(number_in<int>(text), [target](int value) { *target = value; });
        } else if constexpr (std::is_same_v<T, double> ||
                             std::is_same_v<T, std::optional<double>>) {
          return bounded(number_in<double>(text), [target](double value) { *target = value; });
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          target->push_back(text);
          return std::nullopt;
        } else {
          *target = text;
          return std::nullopt;
        }
      },
      option.target);
}

int usage_error(std::string_view what, const std::string& path, Language language) {
  fmt::print(stderr, "{}\n{}\n", what, say<texts::UsageSeeHelp>(language, path));
  return kExitUsage;
}

// Fills the command's values. The sentence for people when something is wrong.
std::optional<std::string> fill(const Node& node, Language language) {
  for (const auto& [option, parsed] : node.options) {
    if (parsed->count() == 0) {
      if (option->required) return say<texts::UsageMissing>(language, option->name);
      continue;
    }
    for (const std::string& text : parsed->reduced_results()) {
      if (const auto reason = put(*option, text, language)) {
        return say<texts::UsageBadValue>(language, option->name, text, *reason);
      }
    }
  }
  return std::nullopt;
}

std::string sentence_of(const CLI::ParseError& error, const Node& root, const Node& node,
                        Language language) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> extra = root.parser->remaining(true);
    const std::string first = extra.empty() ? std::string(error.what()) : extra.back();
    const bool command = !node.command->commands.empty() && !first.starts_with('-');
    return command ? say<texts::UsageNoCommand>(language, first)
                   : say<texts::UsageUnknown>(language, first);
  }
  return say<texts::UsageOther>(language, error.what());
}

// Before the parser: its own errors must be in the right language.
Language language_wanted(int argc, const char* const* argv) {
  std::string wanted;
  for (const char* name : {"LANG", "LC_MESSAGES", "LC_ALL", "XINGCHA_LANG"}) {
    wanted = variable(name).value_or(wanted);
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    if (word == "--lang" && i + 1 < argc) wanted = argv[i + 1];
    if (word.starts_with("--lang=")) wanted = word.substr(7);
  }
  return language_of(wanted);
}

std::string own_path(const char* argv0) {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : argv0;
}

// What follows the program's name, last word first as the parser wants it. "xingcha help run" is
// what many type first.
std::vector<std::string> words_of(int argc, const char* const* argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  std::ranges::reverse(words);
  return words;
}

int run_command_at(const Node& node, const std::string& path, const Surroundings& here) {
  if (const auto wrong = fill(node, here.language)) {
    return usage_error(*wrong, path, here.language);
  }
  if (!node.command->run) {
    fmt::print("{}", help_of(path, *node.command, here.language));
    return node.command->name == "xingcha" ? kExitFine : kExitUsage;
  }
  const Result<int> outcome = node.command->run(here);
  if (outcome) return *outcome;
  const Error& error = outcome.error();
  if (error.code == Code::Cancelled) return kExitInterrupted;
  fmt::print(stderr, "xingcha: {}\n", text_of(error, here.language));
  if (!error.detail.empty() && variable("XINGCHA_DEBUG")) {
    fmt::print(stderr, "  {}\n", error.detail);
  }
  const bool usage = error.message == Message::BadSetting || error.message == Message::BadConfig;
  return usage ? kExitUsage : kExitFailed;
}

}  // namespace

std::vector<Command> all_commands() {
  std::vector<Command> commands;
  commands.push_back(serve_command());
  commands.push_back(run_command());
  commands.push_back(pull_command());
  commands.push_back(list_command());
  commands.push_back(show_command());
  commands.push_back(rm_command());
  commands.push_back(import_command());
  commands.push_back(convert_command());
  commands.push_back(quantize_command());
  commands.push_back(plan_command());
  commands.push_back(ps_command());
  commands.push_back(stop_command());
  commands.push_back(restart_command());
  commands.push_back(key_command());
  commands.push_back(tenant_command());
  commands.push_back(user_command());
  commands.push_back(doctor_command());
  commands.push_back(bench_command());
  commands.push_back(eval_command());
  commands.push_back(usage_command());
  commands.push_back(pool_command());
  commands.push_back(endpoint_command());
  commands.push_back(secrets_command());
  commands.push_back(verify_audit_command());
  commands.push_back(completion_command());
  commands.push_back(worker_command());
  return commands;
}

int run_cli(int argc, const char* const* argv) {
  Surroundings here;
  here.language = language_wanted(argc, argv);
  here.program = own_path(argv[0]);
  const Command root_command{"xingcha", texts::About, {}, all_commands()};

  CLI::App parser;
  const Node root = build(root_command, parser);
  std::string chosen_home, ignored_language;
  parser.add_option("--home", chosen_home);
  parser.add_option("--lang", ignored_language);
  parser.set_version_flag("--version", "xingcha " XC_VERSION);

  std::string path = "xingcha";
  std::vector<std::string> words = words_of(argc, argv);
  try {
    parser.parse(words);
  } catch (const CLI::CallForHelp&) {
    const Node& node = chosen(root, path);
    fmt::print("{}", help_of(path, *node.command, here.language));
    return kExitFine;
  } catch (const CLI::CallForVersion&) {
    fmt::print("xingcha " XC_VERSION "\n");
    return kExitFine;
  } catch (const CLI::ParseError& error) {
    const Node& node = chosen(root, path);
    return usage_error(sentence_of(error, root, node, here.language), path, here.language);
  }
  here.home = home_of(chosen_home);
  const Node& node = chosen(root, path);
  return run_command_at(node, path, here);
}

}  // namespace xc::app

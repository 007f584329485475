#include <fmt/format.h>

#include <algorithm>

#include "app/command.h"
#include "app/completion.h"

namespace xc::app {
namespace {

constexpr std::string_view kGlobalOptions = "--help --home --lang";

// "-y,--yes" → "-y --yes".
std::string words_of(const Option& option) {
  std::string words = option.name;
  std::ranges::replace(words, ',', ' ');
  return words;
}

std::string_view source_of(Complete complete) {
  switch (complete) {
    case Complete::Model:
      return "models";
    case Complete::CatalogueName:
      return "catalogue";
    case Complete::File:
      return "files";
    case Complete::Nothing:
      break;
  }
  return "";
}

struct Words {
  std::string options;          // all flags
  std::string values;           // case branches: flag → what follows
  std::string_view positional;  // what the first positional is
  std::string choices;          // of the first positional
};

Words words_of(const Command& command) {
  Words words{std::string(kGlobalOptions), "", "", ""};
  bool first = true;
  for (const Option& option : command.options) {
    if (option.positional()) {
      if (first) words.positional = source_of(option.complete);
      if (first) words.choices = fmt::format("{}", fmt::join(option.choices, " "));
      first = false;
      continue;
    }
    words.options += " " + words_of(option);
    if (option.value.empty()) continue;
    std::string names = option.name;
    std::size_t comma = names.find(',');
    if (comma != std::string::npos) names.replace(comma, 1, "|");
    const std::string_view source = source_of(option.complete);
    const std::string reply =
        option.choices.empty()
            ? (source.empty() ? "COMPREPLY=()" : fmt::format("_xingcha_{}", source))
            : fmt::format("_xingcha_words \"{}\"", fmt::join(option.choices, " "));
    words.values += fmt::format("        {}) {}; return;;\n", names, reply);
  }
  return words;
}

std::string names_of(const std::vector<Command>& commands) {
  std::string names;
  for (const Command& command : commands) {
    if (!command.hidden) names += (names.empty() ? "" : " ") + command.name;
  }
  return names;
}

std::string branch_of(const std::string& pattern, const Command& command) {
  const Words words = words_of(command);
  std::string out = fmt::format("    {})\n", pattern);
  if (!words.values.empty()) out += "      case \"$prev\" in\n" + words.values + "      esac\n";
  std::string rest = "COMPREPLY=()";
  if (!command.commands.empty()) {
    rest = fmt::format("_xingcha_words \"{}\"", names_of(command.commands));
  } else if (!words.choices.empty()) {
    rest = fmt::format("_xingcha_words \"{}\"", words.choices);
  } else if (!words.positional.empty()) {
    rest = fmt::format("_xingcha_{}", words.positional);
  }
  out += fmt::format(
      "      case \"$cur\" in\n        -*) _xingcha_words \"{}\";;\n        *) {};;\n      "
      "esac;;\n",
      words.options, rest);
  return out;
}

constexpr std::string_view kBashHead =
    R"sh(# bash completion of xingcha; made by: xingcha completion bash
_xingcha_words() { COMPREPLY=($(compgen -W "$1" -- "$cur")); }
_xingcha_models() { _xingcha_words "$("${COMP_WORDS[0]}" list --names 2>/dev/null)"; }
_xingcha_catalogue() { _xingcha_words "$("${COMP_WORDS[0]}" list --all --names 2>/dev/null)"; }
_xingcha_files() { compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); }
_xingcha() {
  local IFS=$' \t\n' cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
  local command="" child="" word i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word="${COMP_WORDS[i]}"
    case "$word" in
      --home|--lang) i=$((i + 1));;
      -*) ;;
      *) if [ -z "$command" ]; then command="$word"; elif [ -z "$child" ]; then child="$word"; fi;;
    esac
  done
  case "$prev" in
    --home) COMPREPLY=($(compgen -d -- "$cur")); return;;
    --lang) _xingcha_words "zh en"; return;;
  esac
  case "$command $child" in
)sh";

struct CompletionFlags {
  std::string shell;
};

}  // namespace

std::string bash_completion(const std::vector<Command>& commands) {
  std::string out(kBashHead);
  out += fmt::format("    \" \") _xingcha_words \"{} {} --version\";;\n", names_of(commands),
                     kGlobalOptions);
  for (const Command& command : commands) {
    if (command.hidden) continue;
    for (const Command& child : command.commands) {
      out += branch_of(fmt::format("\"{} {}\"", command.name, child.name), child);
    }
    out += branch_of(fmt::format("\"{} \"*", command.name), command);
  }
  return out + "  esac\n}\ncomplete -F _xingcha xingcha\n";
}

std::string zsh_completion(const std::vector<Command>& commands, Language language) {
  std::string out =
      "# zsh completion of xingcha; made by: xingcha completion zsh\n"
      "autoload -U +X bashcompinit && bashcompinit\n"
      "# What the commands do:\n";
  for (const Command& command : commands) {
    if (!command.hidden) {
      out += fmt::format("#   {:<12}{}\n", command.name, command.help.in(language));
    }
  }
  // zsh runs bash's script through bashcompinit, so there is one grammar to keep right.
  return out + bash_completion(commands);
}

Command completion_command() {
  const auto flags = std::make_shared<CompletionFlags>();
  Command command{"completion", texts::HelpCompletion};
  command.options = {{.name = "SHELL",
                      .value = "SHELL",
                      .help = texts::HelpCompletionShell,
                      .target = &flags->shell,
                      .required = true,
                      .choices = {"bash", "zsh"}}};
  command.run = [flags](const Surroundings& here) -> Result<int> {
    const std::vector<Command> commands = all_commands();
    fmt::print("{}", flags->shell == "bash" ? bash_completion(commands)
                                            : zsh_completion(commands, here.language));
    return kExitFine;
  };
  return command;
}

}  // namespace xc::app

#include <fmt/format.h>

#include "app/command.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

std::string label_of(const Option& option) {
  if (option.positional() || option.value.empty()) return option.name;
  return option.name + " " + option.value;
}

std::string usage_of(const std::string& path, const Command& command, Language language) {
  std::string line = path;
  if (!command.commands.empty()) {
    line += fmt::format(" {}", texts::CommandWord.in(language));
  }
  line += fmt::format(" [{}]", texts::OptionWord.in(language));
  for (const Option& option : command.options) {
    if (!option.positional()) continue;
    const bool many = std::holds_alternative<std::vector<std::string>*>(option.target);
    const std::string name = option.name + (many ? "…" : "");
    line += option.required ? " " + name : " [" + name + "]";
  }
  return line;
}

std::string description_of(const Option& option, Language language) {
  std::string text(option.help.in(language));
  std::vector<std::string> remarks;
  if (!option.choices.empty()) {
    remarks.push_back(
        say<texts::OneOf>(language, fmt::format("{}", fmt::join(option.choices, " "))));
  }
  if (option.note) remarks.push_back(option.note(language));
  if (option.required && !option.positional()) {
    remarks.emplace_back(texts::Required.in(language));
  }
  if (remarks.empty()) return text;
  const bool zh = language == Language::Zh;
  return text + fmt::format("{}{}{}", zh ? "（" : " (", fmt::join(remarks, zh ? "；" : "; "),
                            zh ? "）" : ")");
}

void append_section(std::string& out, std::string_view title, const Table& table) {
  if (table.empty()) return;
  out += fmt::format("\n{}:\n{}", title, table.text());
}

}  // namespace

std::string help_of(const std::string& path, const Command& command, Language language) {
  std::string out = fmt::format("{}\n\n{}: {}\n", command.help.in(language),
                                texts::Usage.in(language), usage_of(path, command, language));
  Table commands, positionals, options;
  for (const Command& child : command.commands) {
    if (!child.hidden) commands.add({"  " + child.name, std::string(child.help.in(language))});
  }
  for (const Option& option : command.options) {
    Table& table = option.positional() ? positionals : options;
    table.add({"  " + label_of(option), description_of(option, language)});
  }
  options.add({"  -h,--help", std::string(texts::HelpFlag.in(language))});
  if (path == "xingcha") {
    options.add({"  --version", std::string(texts::HelpVersion.in(language))});
  }
  options.add({"  --home DIR", std::string(texts::HelpHome.in(language))});
  options.add({"  --lang zh|en", std::string(texts::HelpLang.in(language))});
  append_section(out, texts::Commands.in(language), commands);
  append_section(out, texts::Arguments.in(language), positionals);
  append_section(out, texts::Options.in(language), options);
  if (!command.commands.empty()) {
    out += fmt::format("\n{}\n", say<texts::HelpMore>(language, texts::CommandWord.in(language)));
  }
  return out;
}

}  // namespace xc::app

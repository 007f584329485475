#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

#include "app/command.h"
#include "app/pull.h"
#include "app/terminal.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct ListFlags {
  bool all = false, names = false, json = false;
};

struct Line {
  std::string name;
  bool installed = false;
  std::uint64_t bytes = 0;
  std::string family, quantization, licence;
  int context = 0;
  std::vector<std::string> aliases, capabilities;
  std::string adapter_of = {};
};

Line line_of(const catalog::InstalledModel& model) {
  return Line{model.name,
              true,
              model.bytes,
              model.facts.architecture,
              model.facts.quantization,
              model.licence,
              static_cast<int>(model.facts.context),
              model.aliases,
              model.capabilities,
              model.adapter_of};
}

Line line_of(const catalog::Entry& entry) {
  return Line{
      entry.name,         false,         bytes_of(entry), entry.family,      entry.quantization,
      entry.licence.spdx, entry.context, entry.aliases,   entry.capabilities};
}

json::array json_of(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

void print_json(const std::vector<Line>& lines) {
  json::array models;
  for (const Line& line : lines) {
    models.push_back(json::object{{"name", line.name},
                                  {"installed", line.installed},
                                  {"bytes", line.bytes},
                                  {"family", line.family},
                                  {"quantization", line.quantization},
                                  {"licence", line.licence},
                                  {"context", line.context},
                                  {"aliases", json_of(line.aliases)},
                                  {"capabilities", json_of(line.capabilities)}});
    if (!line.adapter_of.empty()) models.back().as_object()["adapter_of"] = line.adapter_of;
  }
  fmt::print("{}\n", json::serialize(json::object{{"models", std::move(models)}}));
}

void print_table(const std::vector<Line>& lines, bool all, Language language) {
  Table table;
  std::vector<std::string> head;
  for (const Bilingual& title : {texts::ColName, texts::ColSize, texts::ColFamily,
                                 texts::ColQuantization, texts::ColContext, texts::ColCan}) {
    head.emplace_back(title.in(language));
  }
  if (all) head.insert(head.begin() + 1, std::string(texts::ColState.in(language)));
  table.add(std::move(head));
  for (const Line& line : lines) {
    std::vector<std::string> row{line.name,
                                 bytes_text(line.bytes),
                                 line.family,
                                 line.quantization,
                                 line.context > 0 ? fmt::format("{}", line.context) : "",
                                 fmt::format("{}", fmt::join(line.capabilities, " "))};
    const Bilingual& state = line.installed ? texts::Installed : texts::NotInstalled;
    if (all) row.insert(row.begin() + 1, std::string(state.in(language)));
    table.add(std::move(row));
  }
  fmt::print("{}", table.text());
}

Result<int> list(const Surroundings& here, const ListFlags& flags) {
  const catalog::ModelStore store(here.home.models());
  std::vector<Line> lines;
  for (const catalog::InstalledModel& model : store.list()) lines.push_back(line_of(model));
  if (flags.all) {
    XC_TRY(const catalog::Catalogue catalogue, catalog::Catalogue::open(here.home.catalogue()));
    const std::size_t installed = lines.size();
    for (const catalog::Entry& entry : catalogue.entries()) {
      const auto end = lines.begin() + static_cast<std::ptrdiff_t>(installed);
      const bool known = std::any_of(lines.begin(), end,
                                     [&](const Line& line) { return line.name == entry.name; });
      if (!known) lines.push_back(line_of(entry));
    }
  }
  if (flags.names) {
    for (const Line& line : lines) fmt::print("{}\n", line.name);
  } else if (flags.json) {
    print_json(lines);
  } else if (lines.empty()) {
    fmt::print(stderr, "{}\n", texts::NoModelsYet.in(here.language));
  } else {
    print_table(lines, flags.all, here.language);
  }
  return kExitFine;
}

}  // namespace

Command list_command() {
  const auto flags = std::make_shared<ListFlags>();
  Command command{"list", texts::HelpList};
  command.options = {
      {.name = "-a,--all", .value = "", .help = texts::HelpListAll, .target = &flags->all},
      {.name = "--names", .value = "", .help = texts::HelpListNames, .target = &flags->names},
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  command.run = [flags](const Surroundings& here) { return list(here, *flags); };
  return command;
}

}  // namespace xc::app

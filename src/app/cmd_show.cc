#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "app/command.h"
#include "app/model_shelf.h"
#include "app/pull.h"
#include "app/serve_config.h"
#include "app/terminal.h"
#include "catalog/fit.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct ShowFlags {
  std::string name;
  std::optional<int> context, concurrency;
  bool metadata = false, json = false;
};

// "LicenseRef-TeleChat (root, 2026-03-09 10:00, --yes)".
std::string licence_text(const catalog::InstalledModel& model) {
  const auto& accepted = model.licence_accepted;
  if (!accepted) return model.licence;
  return fmt::format("{} ({}, {}, {})", model.licence, accepted->by, time_text(accepted->unix_ms),
                     accepted->how);
}

// Memory at one load: what is asked for, what it needs, what is here.
struct Fit {
  int context = 0, concurrency = 0;
  std::uint64_t cells = 0;
  std::string kv_type;
  catalog::Need need;
  catalog::Memory memory;
  bool fits() const { return need.total() <= memory.available_bytes; }
};

Fit fit_of(const catalog::InstalledModel& model, const ShowFlags& flags, const Config& config) {
  const ModelSettings& settings = config.settings_of(model.name);
  const LoadShape usual = shape_of(settings, model.facts);
  Fit fit;
  fit.context = flags.context.value_or(usual.context);
  fit.concurrency = flags.concurrency.value_or(1);
  // Unasked: exactly what `serve` would reserve.
  const bool asked = flags.context || flags.concurrency;
  fit.cells =
      asked ? static_cast<std::uint64_t>(fit.context) * static_cast<std::uint64_t>(fit.concurrency)
            : static_cast<std::uint64_t>(usual.cells);
  fit.kv_type = settings.kv_type;
  std::error_code failed;
  std::uint64_t projector = 0;
  if (!model.projector_path.empty()) {
    projector = std::filesystem::file_size(model.projector_path, failed);
    if (failed) projector = 0;
  }
  fit.need = catalog::need_of(model.facts, fit.cells, fit.kv_type,
                              static_cast<std::uint32_t>(settings.micro_batch), projector);
  fit.memory = catalog::memory_here();
  return fit;
}

json::object json_of(const catalog::Memory& memory, std::uint64_t need) {
  const std::uint64_t here = memory.available_bytes;
  return json::object{{"available_bytes", here},
                      {"total_bytes", memory.total_bytes},
                      {"fits", need <= here},
                      {"missing_bytes", need > here ? need - here : 0}};
}

json::object json_of(const Fit& fit) {
  json::object out = json_of(fit.memory, fit.need.total());
  out["context"] = fit.context;
  out["concurrency"] = fit.concurrency;
  out["cells"] = fit.cells;
  out["kv_type"] = fit.kv_type;
  out["need_bytes"] = fit.need.total();
  out["weights_bytes"] = fit.need.weights_bytes;
  out["kv_bytes"] = fit.need.kv_bytes;
  out["compute_bytes"] = fit.need.compute_bytes;
  out["process_bytes"] = fit.need.process_bytes;
  return out;
}

void print_fits(const catalog::Memory& memory, std::uint64_t need, Language language) {
  const std::string here = bytes_text(memory.available_bytes);
  const std::string total = bytes_text(memory.total_bytes);
  if (need <= memory.available_bytes) {
    fmt::print("{}\n", say<texts::FitsHere>(language, here, total));
  } else {
    fmt::print("{}\n", say<texts::FitsNot>(language, bytes_text(need - memory.available_bytes),
                                           here, total));
  }
}

void add_row(Table& table, const Bilingual& title, std::string value, Language language) {
  if (!value.empty()) table.add({std::string(title.in(language)), std::move(value)});
}

void print_facts(const catalog::InstalledModel& model, const catalog::Entry* entry,
                 Language language) {
  const catalog::GgufFacts& facts = model.facts;
  Table table;
  const auto row = [&](const Bilingual& title, std::string value) {
    add_row(table, title, std::move(value), language);
  };
  row(texts::ColName, model.name);
  if (entry != nullptr) row(texts::RowTitle, std::string(title_of(*entry, language)));
  row(texts::RowAdapterOf, model.adapter_of);
  row(texts::RowAliases, fmt::format("{}", fmt::join(model.aliases, " ")));
  row(texts::RowArchitecture, facts.architecture);
  row(texts::RowParameters, fmt::format("{:.3g} B", static_cast<double>(facts.parameters) / 1e9));
  row(texts::ColQuantization, facts.quantization);
  row(texts::RowTrained, facts.context > 0 ? std::to_string(facts.context) : "");
  row(texts::RowLayers, facts.layers > 0 ? std::to_string(facts.layers) : "");
  row(texts::ColCan, fmt::format("{}", fmt::join(model.capabilities, " ")));
  row(texts::RowLicence, licence_text(model));
  row(texts::ColSize, bytes_text(model.bytes));
  row(texts::RowFile, model.weights_path);
  row(texts::RowDigest, model.sha256);
  row(texts::RowSource, model.source);
  if (entry != nullptr) {
    row(texts::RowNotes, language == Language::Zh ? entry->notes_zh : entry->notes_en);
  }
  fmt::print("{}", table.text());
}

void print_fit(const Fit& fit, std::uint32_t trained, Language language) {
  const std::string cells = fmt::format("{} KV, {}", fit.cells, fit.kv_type);
  fmt::print("\n{}\n", say<texts::MemoryAt>(language, fit.context, fit.concurrency, cells));
  Table table;
  const auto row = [&](const Bilingual& title, std::uint64_t bytes) {
    table.add({fmt::format("  {}", title.in(language)), bytes_text(bytes)});
  };
  row(texts::NeedWeights, fit.need.weights_bytes);
  row(texts::NeedKv, fit.need.kv_bytes);
  row(texts::NeedCompute, fit.need.compute_bytes);
  row(texts::NeedProcess, fit.need.process_bytes);
  row(texts::NeedTotal, fit.need.total());
  fmt::print("{}", table.text());
  print_fits(fit.memory, fit.need.total(), language);
  if (trained > 0 && fit.context > static_cast<int>(trained)) {
    fmt::print("{}\n", say<texts::ContextTooLong>(language, fit.context, trained));
  }
}

Result<int> show_installed(const catalog::InstalledModel& model, const catalog::Entry* entry,
                           const ShowFlags& flags, const Surroundings& here) {
  XC_TRY(const Config config, load_config(config_source_of(here)));
  const Fit fit = fit_of(model, flags, config);
  std::map<std::string, std::string> metadata;
  if (flags.metadata) {
    XC_TRY(catalog::GgufHeader header, catalog::read_gguf(model.weights_path));
    metadata = std::move(header.metadata);
  }
  if (!flags.json) {
    print_facts(model, entry, here.language);
    if (model.adapter_of.empty()) print_fit(fit, model.facts.context, here.language);
    if (!metadata.empty()) fmt::print("\n");
    for (const auto& [key, value] : metadata) fmt::print("{} = {}\n", key, printable(value));
    return kExitFine;
  }
  json::object out{
      {"name", model.name},
      {"installed", true},
      {"architecture", model.facts.architecture},
      {"parameters", model.facts.parameters},
      {"quantization", model.facts.quantization},
      {"trained_context", model.facts.context},
      {"licence", model.licence},
      {"bytes", model.bytes},
      {"sha256", model.sha256},
      {"source", model.source},
      {"path", model.weights_path},
      {"capabilities", json::array(model.capabilities.begin(), model.capabilities.end())}};
  // An adapter has no cells of its own; it takes its bytes beside its model.
  if (model.adapter_of.empty()) {
    out["memory"] = json_of(fit);
  } else {
    out["adapter_of"] = model.adapter_of;
  }
  if (const auto& accepted = model.licence_accepted) {
    out["licence_accepted"] = json::object{{"unix_ms", accepted->unix_ms},
                                           {"by", accepted->by},
                                           {"how", accepted->how},
                                           {"url", accepted->url}};
  }
  if (flags.metadata) {
    json::object& listed = out["metadata"].emplace_object();
    for (const auto& [key, value] : metadata) listed[key] = value;
  }
  fmt::print("{}\n", json::serialize(out));
  return kExitFine;
}

// Not pulled yet: the file's header is elsewhere, so only the catalogue's own figures are known.
int show_entry(const catalog::Entry& entry, const ShowFlags& flags, Language language) {
  const catalog::Memory memory = catalog::memory_here();
  if (flags.json) {
    json::object need = json_of(memory, entry.memory_min_bytes);
    need["need_bytes"] = entry.memory_min_bytes;
    need["estimate"] = true;
    const json::object out{
        {"name", entry.name},
        {"installed", false},
        {"parameters", entry.parameters},
        {"quantization", entry.quantization},
        {"trained_context", entry.context},
        {"licence", entry.licence.spdx},
        {"bytes", bytes_of(entry)},
        {"capabilities", json::array(entry.capabilities.begin(), entry.capabilities.end())},
        {"memory", need}};
    fmt::print("{}\n", json::serialize(out));
    return kExitFine;
  }
  Table table;
  const auto row = [&](const Bilingual& title, std::string value) {
    add_row(table, title, std::move(value), language);
  };
  row(texts::ColName, entry.name);
  row(texts::ColState, std::string(texts::NotInstalled.in(language)));
  row(texts::RowTitle, std::string(title_of(entry, language)));
  row(texts::RowAliases, fmt::format("{}", fmt::join(entry.aliases, " ")));
  row(texts::RowParameters, entry.parameters);
  row(texts::ColQuantization, entry.quantization);
  row(texts::RowTrained, std::to_string(entry.context));
  row(texts::ColCan, fmt::format("{}", fmt::join(entry.capabilities, " ")));
  row(texts::RowLicence, entry.licence.spdx + " " + entry.licence.url);
  row(texts::ColSize, bytes_text(bytes_of(entry)));
  row(texts::RowNotes, language == Language::Zh ? entry.notes_zh : entry.notes_en);
  fmt::print("{}\n", table.text());
  fmt::print("{}\n", say<texts::MemoryAtLeast>(language, bytes_text(entry.memory_min_bytes)));
  print_fits(memory, entry.memory_min_bytes, language);
  return kExitFine;
}

Result<int> show(const Surroundings& here, const ShowFlags& flags) {
  XC_TRY(const catalog::Catalogue catalogue, catalog::Catalogue::open(here.home.catalogue()));
  const catalog::ModelStore store(here.home.models());
  Result<catalog::InstalledModel> model = store.find(flags.name);
  if (model) {
    return show_installed(*model, catalogue.find(model->name), flags, here);
  }
  const catalog::Entry* entry = catalogue.find(flags.name);
  if (entry == nullptr) return std::unexpected(std::move(model.error()));
  return show_entry(*entry, flags, here.language);
}

}  // namespace

Command show_command() {
  const auto flags = std::make_shared<ShowFlags>();
  Command command{"show", texts::HelpShow};
  command.options = {
      {.name = "NAME",
       .value = "NAME",
       .help = texts::HelpModel,
       .target = &flags->name,
       .required = true,
       .complete = Complete::CatalogueName},
      {.name = "--context",
       .value = "N",
       .help = texts::HelpShowContext,
       .target = &flags->context,
       .low = 1,
       .high = 16'000'000},
      {.name = "--concurrency",
       .value = "N",
       .help = texts::HelpShowConcurrency,
       .target = &flags->concurrency,
       .low = 1,
       .high = 256},
      {.name = "--metadata",
       .value = "",
       .help = texts::HelpShowMetadata,
       .target = &flags->metadata},
      {.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  command.run = [flags](const Surroundings& here) { return show(here, *flags); };
  return command;
}

}  // namespace xc::app

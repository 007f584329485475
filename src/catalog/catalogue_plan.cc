// PlanData from plan.toml: strict, as models.toml.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/limits.h"
#include "catalog/catalogue_extra.h"
#include "catalog/catalogue_table.h"
#include "catalog/names.h"
#include "catalog/plan.h"
#include "catalog/plan_data.h"

namespace xc::embedded {
extern const std::string_view plan_toml;  // src/catalog/plan.toml
}

namespace xc::catalog {
namespace {

constexpr const char* kBuiltInName = "plan.toml (built in)";
constexpr std::int64_t kNumberMax = 1 << 20;  // beyond any model; products are taken as doubles
constexpr std::string_view kFunctions[] = {"chat", "completion", "tools", "thinking", "code"};

using Shapes = std::map<std::string, ModelShape, std::less<>>;
using Licences = std::map<std::string, PlanLicence, std::less<>>;

double positive(TableReader& in, std::string_view key) {
  const auto value = in.required<double>(key);
  if (value > 0 && value < 1e9) return value;
  in.mistake(fmt::format("'{}' must be a positive number", key));
  return 1;
}

double figure(TableReader& in, std::string_view key) {
  const double value = in.maybe<double>(key).value_or(0);
  if (!(value >= 0 && value < 1e9)) in.mistake(fmt::format("'{}' must be 0 or more", key));
  return value;
}

std::uint64_t count(TableReader& in, std::string_view key, bool needed = false) {
  const auto value =
      needed ? in.required<std::int64_t>(key) : in.maybe<std::int64_t>(key).value_or(0);
  if (value >= (needed ? 1 : 0) && value <= kNumberMax) return static_cast<std::uint64_t>(value);
  in.mistake(fmt::format("'{}' must be between {} and {}", key, needed ? 1 : 0, kNumberMax));
  return 1;
}

Card read_card(TableReader& in) {
  Card card;
  card.name = in.required<std::string>("name");
  card.title = in.required<std::string>("title");
  card.vendor = in.required<std::string>("vendor");
  card.memory_gib = positive(in, "memory_gib");
  card.bandwidth_gb_s = positive(in, "bandwidth_gb_s");
  card.bf16_tflops = figure(in, "bf16_tflops");
  card.f16_tflops = in.has("f16_tflops") ? figure(in, "f16_tflops") : card.bf16_tflops;
  card.int8_tops = figure(in, "int8_tops");
  card.fp8_tflops = figure(in, "fp8_tflops");
  card.per_server = static_cast<int>(std::min<std::uint64_t>(count(in, "per_server", true), 1024));
  card.basis = in.required<std::string>("basis");
  card.source = in.required<std::string>("source");
  if (card.vendor != "huawei" && card.vendor != "nvidia") {
    in.mistake("'vendor' must be huawei or nvidia");
  }
  if (card.basis != "vendor" && card.basis != "paper" && card.basis != "reported") {
    in.mistake("'basis' must be vendor, paper or reported");
  }
  if (!check_name(card.name)) in.mistake(fmt::format("'{}' is not a name", card.name));
  if (card.f16_tflops <= 0) in.mistake("a card computes f16 at least");
  return card;
}

PlanLicence read_licence(TableReader& in) {
  PlanLicence out;
  out.licence.spdx = in.required<std::string>("spdx");
  out.licence.url = in.required<std::string>("url");
  out.licence.ask = in.maybe<bool>("ask").value_or(false);
  out.note_zh = in.maybe<std::string>("note_zh").value_or("");
  out.note_en = in.maybe<std::string>("note_en").value_or("");
  return out;
}

ModelShape read_shape(TableReader& in) {
  ModelShape shape;
  shape.layers = count(in, "layers", true);
  shape.hidden = count(in, "hidden", true);
  shape.ffn = count(in, "ffn");
  shape.vocabulary = count(in, "vocabulary", true);
  shape.heads = count(in, "heads", true);
  shape.heads_kv = count(in, "heads_kv");
  if (shape.heads_kv == 0) shape.heads_kv = shape.heads;
  shape.head_dim = count(in, "head_dim");
  if (shape.head_dim == 0) shape.head_dim = shape.hidden / shape.heads;
  shape.tied = in.maybe<bool>("tied").value_or(false);
  shape.q_lora = count(in, "q_lora");
  shape.kv_lora = count(in, "kv_lora");
  shape.nope = count(in, "nope");
  shape.rope = count(in, "rope");
  shape.value = count(in, "value");
  shape.experts = count(in, "experts");
  shape.experts_used = count(in, "experts_used");
  shape.experts_shared = count(in, "experts_shared");
  shape.expert_ffn = count(in, "expert_ffn");
  shape.dense_layers = count(in, "dense_layers");
  shape.mtp_layers = count(in, "mtp_layers");
  if (shape.ffn == 0 && shape.experts == 0) in.mistake("a shape needs 'ffn' or 'experts'");
  if (shape.heads % shape.heads_kv != 0) in.mistake("'heads' is no multiple of 'heads_kv'");
  if (shape.experts != 0 && (shape.experts_used == 0 || shape.experts_used > shape.experts ||
                             shape.expert_ffn == 0 || shape.dense_layers > shape.layers)) {
    in.mistake("'experts' without a fitting 'experts_used', 'expert_ffn' and 'dense_layers'");
  }
  if (shape.kv_lora != 0 && (shape.nope == 0 || shape.rope == 0 || shape.value == 0)) {
    in.mistake("'kv_lora' without 'nope', 'rope' and 'value'");
  }
  return shape;
}

template <typename Map>
typename Map::mapped_type named(TableReader& in, std::string_view key, const Map& known) {
  const auto name = in.required<std::string>(key);
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  in.mistake(fmt::format("'{}' names no {}: '{}'", key, key, name));
  return {};
}

void check_release(TableReader& in, const Release& release) {
  if (!check_name(release.name)) in.mistake(fmt::format("'{}' is not a name", release.name));
  for (const std::string& alias : release.aliases) {
    if (!check_name(alias)) in.mistake(fmt::format("'{}' is not a name", alias));
  }
  for (const std::string& word : release.functions) {
    if (std::ranges::find(kFunctions, word) == std::end(kFunctions)) {
      in.mistake(fmt::format("unknown function '{}'", word));
    }
  }
  if (release.functions.empty()) in.mistake("'functions' is empty");
  for (const std::string& name : release.precisions) {
    if (precision_of(name) == nullptr) in.mistake(fmt::format("unknown precision '{}'", name));
  }
  if (release.precisions.front() != release.precision) {
    in.mistake("'precisions' does not begin with 'precision'");
  }
  if (!release.exact && release.notes_en.empty()) in.mistake("'exact = false' without notes");
}

Release read_release(TableReader& in, const Shapes& shapes, const Licences& licences) {
  Release out;
  out.name = in.required<std::string>("name");
  out.aliases = in.words("aliases");
  out.title_zh = in.required<std::string>("title_zh");
  out.title_en = in.required<std::string>("title_en");
  out.family = in.required<std::string>("family");
  out.shape = named(in, "shape", shapes);
  out.licence = named(in, "licence", licences);
  out.parameters_b = positive(in, "parameters_b");
  out.active_b = figure(in, "active_b");
  out.context = count(in, "context", true);
  out.precision = in.required<std::string>("precision");
  out.functions = in.words("functions");
  out.precisions = in.words("precisions");
  if (out.precisions.empty()) out.precisions = {out.precision};
  out.converts = in.maybe<bool>("converts").value_or(true);
  out.exact = in.maybe<bool>("exact").value_or(true);
  out.vllm = in.maybe<std::string>("vllm").value_or("");
  out.sglang = in.maybe<std::string>("sglang").value_or("");
  out.mindie = in.maybe<std::string>("mindie").value_or("");
  out.tool_parser = in.maybe<std::string>("tool_parser").value_or("");
  out.reasoning_parser = in.maybe<std::string>("reasoning_parser").value_or("");
  out.remote_code = in.maybe<bool>("remote_code").value_or(false);
  out.notes_zh = in.maybe<std::string>("notes_zh").value_or("");
  out.notes_en = in.maybe<std::string>("notes_en").value_or("");
  in.tables("sampling", [&out](TableReader& table) {
    out.sampling.temperature = table.maybe<double>("temperature");
    out.sampling.top_p = table.maybe<double>("top_p");
    out.sampling.top_k = table.maybe<int>("top_k");
    out.sampling.repetition_penalty = table.maybe<double>("repetition_penalty");
  });
  check_release(in, out);
  return out;
}

// [shapes.NAME], [licences.NAME].
template <typename Value, typename Read>
std::map<std::string, Value, std::less<>> read_named(TableReader& root, std::string_view key,
                                                     const Read& read) {
  std::map<std::string, Value, std::less<>> out;
  root.each(key, [&](const std::string& name, TableReader& in) { out.emplace(name, read(in)); });
  return out;
}

template <typename T>
void put(std::vector<T>& all, T item) {
  const auto same = std::ranges::find(all, item.name, &T::name);
  if (same != all.end()) {
    *same = std::move(item);
  } else {
    all.push_back(std::move(item));
  }
}

}  // namespace

Status PlanData::add(std::string_view toml, const std::string& name_for_errors) {
  std::optional<Error> error;
  try {
    const toml::table table = toml::parse(toml, name_for_errors);
    TableReader root(table, name_for_errors, error);
    const Shapes shapes = read_named<ModelShape>(root, "shapes", read_shape);
    const Licences licences = read_named<PlanLicence>(root, "licences", read_licence);
    root.tables("card", [&](TableReader& in) { put(cards_, read_card(in)); });
    root.tables("release",
                [&](TableReader& in) { put(releases_, read_release(in, shapes, licences)); });
    root.refuse_unknown();
  } catch (const toml::parse_error& e) {
    return fail(
        Code::InvalidRequest, Message::BadConfig,
        {name_for_errors, std::to_string(e.source().begin.line), std::string(e.description())});
  }
  if (error) return std::unexpected(std::move(*error));
  return {};
}

Result<PlanData> PlanData::parse(std::string_view toml, const std::string& name_for_errors) {
  PlanData data;
  XC_CHECK(data.add(toml, name_for_errors));
  return data;
}

Result<PlanData> PlanData::open(const std::string& extra_path) {
  PlanData data;
  XC_CHECK(data.add(embedded::plan_toml, kBuiltInName));
  XC_TRY(const std::optional<std::string> extra, read_extra_toml(extra_path));
  if (extra) XC_CHECK(data.add(*extra, extra_path));
  return data;
}

const Release* PlanData::find(std::string_view name) const {
  const std::string wanted = canonical_name(name);
  for (const Release& release : releases_) {
    if (release.name == wanted ||
        std::ranges::find(release.aliases, wanted) != release.aliases.end()) {
      return &release;
    }
  }
  return nullptr;
}

const Card* PlanData::card(std::string_view name) const {
  const auto found = std::ranges::find(cards_, name, &Card::name);
  return found == cards_.end() ? nullptr : &*found;
}

const PlanLicence* PlanData::asking_licence(std::string_view name) const {
  const auto asks = [name](const Release& release) {
    return release.licence.licence.ask && same_licence(release.licence.licence.spdx, name);
  };
  const auto found = std::ranges::find_if(releases_, asks);
  return found == releases_.end() ? nullptr : &found->licence;
}

}  // namespace xc::catalog

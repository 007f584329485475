#include "app/model_shelf.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <numeric>

#include "base/limits.h"
#include "catalog/fit.h"
#include "engine/core/drafter.h"
#include "schema/model_name.h"

namespace xc::app {
namespace {

constexpr int kCellsUsual = 8192;  // as engine::LoadOptions::cells says of 0

std::int64_t changed_ns_of(const std::string& folder) {
  struct stat facts{};
  if (::stat(folder.c_str(), &facts) != 0) return 0;
  return facts.st_mtim.tv_sec * 1'000'000'000LL + facts.st_mtim.tv_nsec;
}

std::uint64_t bytes_of(const std::string& path) {
  struct stat facts{};
  if (path.empty() || ::stat(path.c_str(), &facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.st_size);
}

// "1.5B", "135M"; empty when nothing is known.
std::string parameter_size_of(std::uint64_t parameters) {
  constexpr double kMillion = 1e6, kBillion = 1e9;
  const auto count = static_cast<double>(parameters);
  if (count >= kBillion) return fmt::format("{:.1f}B", count / kBillion);
  return parameters > 0 ? fmt::format("{:.0f}M", count / kMillion) : std::string();
}

gateway::ModelRow row_of(const catalog::InstalledModel& model, const Config& config) {
  gateway::ModelRow row;
  row.name = model.name;
  row.aliases = model.aliases;
  row.created_unix = model.installed_unix_ms / 1000;
  row.bytes = model.bytes;
  row.context = shape_of(config.settings_of(model.name), model.facts).context;
  row.family = model.facts.architecture;
  row.quantization = model.facts.quantization;
  row.sha256 = model.sha256;
  row.parameter_size = parameter_size_of(model.facts.parameters);
  row.licence = model.licence;
  row.capabilities = model.capabilities;
  return row;
}

// "model:adapter" can do what its model can, in the model's worker.
gateway::ModelRow row_of_adapter(const catalog::InstalledModel& adapter, gateway::ModelRow model) {
  gateway::ModelRow row = std::move(model);
  row.parent = std::move(row.name);
  row.name = adapter.name;
  row.aliases = {};
  row.created_unix = adapter.installed_unix_ms / 1000;
  row.bytes = adapter.bytes;
  row.quantization = adapter.facts.quantization;
  row.sha256 = adapter.sha256;
  row.licence = adapter.licence;
  return row;
}

std::string name_behind(const catalog::InstalledModel& adapter) {
  return adapter.name.substr(adapter.adapter_of.size() + 1);
}

}  // namespace

LoadShape shape_of(const ModelSettings& settings, const catalog::GgufFacts& facts) {
  LoadShape shape;
  shape.context = settings.context;
  if (facts.context > 0) shape.context = std::min(shape.context, static_cast<int>(facts.context));
  shape.cells = settings.cells > 0 ? settings.cells : std::max(shape.context, kCellsUsual);
  return shape;
}

std::vector<std::string> worker_arguments(const ModelSettings& settings, const LoadShape& shape,
                                          const schema::Sampling& sampling) {
  std::vector<std::string> arguments{"--cells",      std::to_string(shape.cells),
                                     "--sequences",  std::to_string(settings.sequences),
                                     "--threads",    std::to_string(settings.threads),
                                     "--batch",      std::to_string(settings.batch),
                                     "--ubatch",     std::to_string(settings.micro_batch),
                                     "--kv-type",    settings.kv_type,
                                     "--gpu-layers", std::to_string(settings.gpu_layers)};
  const auto put = [&arguments](std::string_view name, std::string value) {
    arguments.emplace_back(name);
    arguments.push_back(std::move(value));
  };
  // One tenant cannot fill the queue: others find room.
  const int per_tenant = settings.queue_per_tenant_max > 0
                             ? settings.queue_per_tenant_max
                             : std::max(settings.queue_max * 3 / 4, 1);
  put("--target-tbt-ms", std::to_string(settings.target_tbt_ms));
  put("--target-tbt-interactive-ms", std::to_string(settings.target_tbt_interactive_ms));
  put("--target-tbt-background-ms", std::to_string(settings.target_tbt_background_ms));
  put("--chunk-ram-mib", std::to_string(settings.chunk_ram_mib));
  put("--chunk-disk-mib", std::to_string(settings.chunk_disk_mib));
  put("--speculation", settings.speculation);
  put("--queue", std::to_string(settings.queue_max));
  put("--queue-per-tenant", std::to_string(per_tenant));
  const auto add = [&arguments](std::string_view name, const auto& value) {
    if (!value) return;
    arguments.emplace_back("--sampling");
    arguments.push_back(fmt::format("{}={}", name, *value));
  };
  add("temperature", sampling.temperature);
  add("top_p", sampling.top_p);
  add("top_k", sampling.top_k);
  add("min_p", sampling.min_p);
  add("presence_penalty", sampling.presence_penalty);
  add("frequency_penalty", sampling.frequency_penalty);
  add("repetition_penalty", sampling.repetition_penalty);
  return arguments;
}

ModelShelf::ModelShelf(const catalog::ModelStore& store, const Config& config,
                       const std::string& models_dir, std::string chunks_dir)
    : store_(store),
      manifests_dir_(models_dir + "/manifests"),
      blobs_dir_(std::filesystem::absolute(models_dir + "/blobs").lexically_normal().string()),
      chunks_dir_(std::move(chunks_dir)),
      config_(std::make_shared<const Config>(config)) {}

void ModelShelf::use(const Config& config) {
  auto fresh = std::make_shared<const Config>(config);
  const std::scoped_lock lock(mutex_);
  config_ = std::move(fresh);
  rows_.reset();  // rows say the context
}

std::shared_ptr<const Config> ModelShelf::config() const {
  const std::scoped_lock lock(mutex_);
  return config_;
}

gateway::ModelRows ModelShelf::rows() const {
  // Before the list is read: a change in between is seen again by the next call.
  const std::int64_t changed_ns = changed_ns_of(manifests_dir_);
  {
    const std::scoped_lock lock(mutex_);
    if (rows_ && changed_ns == changed_ns_) return rows_;
  }
  const std::shared_ptr<const Config> in_force = config();
  auto fresh = std::make_shared<Rows>();
  // Sorted by name, so a model comes before its adapters. Those without their model are not shown.
  for (const catalog::InstalledModel& model : store_.list()) {
    if (model.adapter_of.empty()) {
      fresh->push_back(row_of(model, *in_force));
      continue;
    }
    const auto parent = std::ranges::find(*fresh, model.adapter_of, &gateway::ModelRow::name);
    if (parent == fresh->end()) continue;
    gateway::ModelRow row = row_of_adapter(model, *parent);
    fresh->push_back(std::move(row));
  }
  const std::scoped_lock lock(mutex_);
  if (in_force != config_) return fresh;  // replaced meanwhile: the next call reads again
  rows_ = fresh;
  changed_ns_ = changed_ns;
  return rows_;
}

// "ID:adapter" or "ID", where the id is that of a model: with its name instead.
std::string ModelShelf::without_id(std::string_view name) const {
  constexpr std::size_t kIdDigits = 32;
  const std::string_view id = name.substr(0, kIdDigits);
  const bool whole =
      name.size() == kIdDigits || (name.size() > kIdDigits && name[kIdDigits] == ':');
  if (!whole || id.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::string(name);
  }
  const gateway::ModelRows all = rows();
  for (const gateway::ModelRow& row : *all) {
    if (row.service_id() == id) return row.name + std::string(name.substr(kIdDigits));
  }
  return std::string(name);
}

// Names may hold colons themselves: first as a whole, then as an adapter behind a model's alias.
Result<ModelShelf::Named> ModelShelf::find(std::string_view asked) const {
  const std::string name = without_id(asked);
  Result<catalog::InstalledModel> whole = store_.find(name);
  if (!whole) {
    if (whole.error().message != Message::NoModel) return std::unexpected(std::move(whole.error()));
    const schema::ModelName parts = schema::split_adapter(name);
    if (parts.adapter.empty()) return std::unexpected(std::move(whole.error()));
    const Result<catalog::InstalledModel> model = store_.find(parts.base);
    if (!model) return std::unexpected(std::move(whole.error()));
    whole = store_.find(model->name + ":" + std::string(parts.adapter));
    if (!whole) {
      return fail(Code::NotFound, Message::NoAdapter,
                  {std::string(parts.base), std::string(parts.adapter)});
    }
  }
  if (whole->adapter_of.empty()) return Named{std::move(*whole), std::nullopt};
  XC_TRY(catalog::InstalledModel model, store_.find(whole->adapter_of));
  return Named{std::move(model), std::move(*whole)};
}

// Of those that may be loaded at once, the largest first.
std::uint64_t ModelShelf::adapter_bytes_of(const std::string& model) const {
  std::vector<std::uint64_t> sizes;
  for (const catalog::InstalledModel& other : store_.list()) {
    if (other.adapter_of == model) sizes.push_back(other.bytes);
  }
  std::ranges::sort(sizes, std::greater<>());
  if (sizes.size() > limits::kAdaptersLoadedMax) sizes.resize(limits::kAdaptersLoadedMax);
  return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
}

// A smaller model guesses for a larger one, not for itself: a setting for all models is not meant
// for the small one.
Status ModelShelf::add_draft(const ModelSettings& settings, const std::string& large,
                             const LoadShape& shape, fleet::ModelSpec& spec) const {
  if (settings.draft_model.empty() || settings.speculation == "off") return {};
  XC_TRY(const Named named, find(settings.draft_model));
  if (named.model.name == large) return {};
  XC_CHECK(store_.check(named.model));
  spec.need_bytes += catalog::need_of(named.model.facts, static_cast<std::uint64_t>(shape.cells),
                                      settings.kv_type, engine::kDraftReadAtOnce, 0)
                         .total();
  spec.arguments.insert(spec.arguments.end(), {"--draft", named.model.weights_path});
  return {};
}

Result<fleet::ModelSpec> ModelShelf::resolve(std::string_view name) const {
  XC_TRY(const Named named, find(name));
  const catalog::InstalledModel& model = named.model;
  XC_CHECK(store_.check(model));
  const std::shared_ptr<const Config> in_force = config();
  const ModelSettings& settings = in_force->settings_of(model.name);
  const LoadShape shape = shape_of(settings, model.facts);
  fleet::ModelSpec spec;
  spec.name = model.name;
  spec.weights_path = model.weights_path;
  spec.projector_path = model.projector_path;
  spec.sha256 = model.sha256;
  spec.context = shape.context;
  spec.need_bytes =
      catalog::need_of(model.facts, static_cast<std::uint64_t>(shape.cells), settings.kv_type,
                       static_cast<std::uint32_t>(settings.micro_batch),
                       bytes_of(model.projector_path))
          .total() +
      adapter_bytes_of(model.name);
  spec.keep_alive = std::chrono::seconds(settings.keep_alive_s);
  spec.capabilities = model.capabilities;
  spec.arguments = worker_arguments(settings, shape, model.sampling);
  spec.arguments.insert(spec.arguments.end(),
                        {"--chunk-folder", chunks_dir_, "--adapter-folder", blobs_dir_});
  XC_CHECK(add_draft(settings, model.name, shape, spec));
  if (named.adapter) {
    XC_CHECK(store_.check(*named.adapter));
    spec.adapter = name_behind(*named.adapter) + "=" + named.adapter->sha256;
  }
  return spec;
}

}  // namespace xc::app

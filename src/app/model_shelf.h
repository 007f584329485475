// The installed models as gateway and fleet want to see them: rows for lists, specs for loading.
// Caches the store's list and reads it again when the manifests folder changes. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "catalog/model_store.h"
#include "fleet/fleet.h"
#include "gateway/gateway.h"

namespace xc::app {

// What one model gets under these settings.
struct LoadShape {
  int context = 0;  // bounded by the trained length
  int cells = 0;
};

class ModelShelf {
 public:
  // The store must outlive the shelf. models_dir: the store's folder. chunks_dir: where workers
  // keep the KV of prompts.
  ModelShelf(const catalog::ModelStore& store, const Config& config, const std::string& models_dir,
             std::string chunks_dir);

  // Other settings for the models that load from now on.
  void use(const Config& config);
  // One stat() when nothing changed.
  gateway::ModelRows rows() const;
  // Blocking (disk). Error: NoModel, NoAdapter, ModelGone.
  Result<fleet::ModelSpec> resolve(std::string_view name) const;

 private:
  using Rows = std::vector<gateway::ModelRow>;
  // What a name means: a model, and one of its adapters when it was named.
  struct Named {
    catalog::InstalledModel model;
    std::optional<catalog::InstalledModel> adapter;
  };
  Result<Named> find(std::string_view name) const;
  Status add_draft(const ModelSettings& settings, const std::string& large, const LoadShape& shape,
                   fleet::ModelSpec& spec) const;
  std::string without_id(std::string_view name) const;
  std::uint64_t adapter_bytes_of(const std::string& model) const;

  const catalog::ModelStore& store_;
  std::shared_ptr<const Config> config() const;
  std::string manifests_dir_;
  std::string blobs_dir_;
  std::string chunks_dir_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Config> config_;  // replaced as a whole
  mutable std::shared_ptr<const Rows> rows_;
  mutable std::int64_t changed_ns_ = -1;
};

// Pure.
LoadShape shape_of(const ModelSettings& settings, const catalog::GgufFacts& facts);
// Worker arguments beyond those that the fleet writes itself (model, name, socket, context).
std::vector<std::string> worker_arguments(const ModelSettings& settings, const LoadShape& shape,
                                          const schema::Sampling& sampling);

}  // namespace xc::app

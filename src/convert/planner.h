// How plan_model works inside: one object a plan, its layout in plan.cc, its metadata in
// plan_metadata.cc. Included by those two only.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convert/plan.h"
#include "convert/tables.h"

namespace xc::convert {

inline std::unexpected<Error> unknown_model(std::string reason) {
  return fail(Code::InvalidRequest, Message::UnknownModel, {std::move(reason)});
}

class Planner {
 public:
  Planner(const HfConfig& config, const Checkpoint& checkpoint, const PlanOptions& options)
      : config_(config), checkpoint_(checkpoint), options_(options) {}

  Result<ModelPlan> run();

 private:
  Status choose();
  void measure();
  Status lay_out();
  Status apply(std::span<const Rule> rules, std::uint32_t layer);
  Status apply_one(const Rule& rule, std::uint32_t layer);
  Status check_source(const std::string& name, const std::vector<std::uint64_t>& wanted);
  std::string choose_source(const Rule& rule, std::uint32_t layer) const;
  std::vector<std::uint64_t> shape_of(std::string_view dims) const;
  RowMap map_of(Op op, const std::vector<std::uint64_t>& shape) const;
  Status check_leftovers() const;
  bool is_moe_layer(std::uint32_t layer) const;
  bool is_tied() const;

  Status add_metadata();
  Status add_attention();
  Status add_experts();
  Status add_rope();
  void add(const std::string& key, MetadataValue value) {
    plan_.metadata.emplace_back(plan_.architecture + "." + key, std::move(value));
  }

  const HfConfig& config_;
  const Checkpoint& checkpoint_;
  const PlanOptions& options_;
  const Family* family_ = nullptr;
  std::string_view outer_;  // the family's, when this checkpoint has it
  bool turn_ = false;       // the target rotates neighbours, the checkpoint halves
  std::uint32_t mtp_ = 0;
  std::array<std::uint64_t, 128> dims_{};
  std::set<std::string, std::less<>> used_;
  ModelPlan plan_;
};

}  // namespace xc::convert

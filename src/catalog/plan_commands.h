// How an engine is started with a release on some cards, and how Xingcha names that service. Texts
// for people to copy; nothing is run. Pure.
#pragma once

#include <string>
#include <vector>

#include "catalog/plan.h"

namespace xc::catalog {

struct EngineCommand {
  std::string engine;   // "vllm", "sglang", "mindie"
  std::string since;    // the version that the catalogue knows of
  std::string command;  // lines for a shell
  std::string config;   // MindIE: what config.json must hold; empty otherwise
  std::string url;      // where it then answers, without /v1; HOST is its machine
};

// Whether the released weights load as this precision; others must be quantised by other tools.
bool is_released(const Release& release, std::string_view precision);

// One for each of plan.engines. The weights lie at /models/<name>.
std::vector<EngineCommand> commands_of(const Release& release, const CardPlan& plan,
                                       const PlanAsk& ask);

// The service as an endpoint: {"name", "pool", "url", "vendor", "model"}. The pool is named after
// the card.
std::string endpoint_of(const Release& release, const CardPlan& plan, const EngineCommand& engine);
// The lines for a shell that add it to a running Xingcha: its pool, the endpoint, the route.
std::string joining_of(const Release& release, const CardPlan& plan, const EngineCommand& engine);

}  // namespace xc::catalog

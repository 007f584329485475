// Facts and counters of an engine as JSON. Pure.
#pragma once

#include <string>

#include "engine/engine.h"

namespace xc::engine {

// The one model of GET /v1/models, with everything that Facts knows under "xingcha".
std::string render_models(const Facts& facts);
// GET /internal/stats.
std::string render_stats(const Stats& stats);
// GET /internal/engine.
std::string render_view(const EngineView& view);

}  // namespace xc::engine

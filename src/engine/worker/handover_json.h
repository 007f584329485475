// What a worker leaves to the one that replaces it, as JSON: the data of the event `handover`. The
// gateway carries it and does not look inside. Pure.
#pragma once

#include <string>
#include <string_view>

#include "engine/engine.h"

namespace xc::engine {

// `digest`: of the model that generated the tokens.
std::string render_handover(const Handover& left, std::string_view digest);
// Error: WorkerLost when it is none, or one of a model with another digest: its tokens cannot be
// continued here.
Result<Handover> parse_handover(std::string_view json, std::string_view digest);

}  // namespace xc::engine

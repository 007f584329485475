// What models there are and how their workers do.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> list_models(Call& call);
Task<Status> show_model(Call& call);

}  // namespace xc::gateway

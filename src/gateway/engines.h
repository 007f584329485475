// What the ready workers say of themselves: counters for /metrics, the live tree for operators.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/call.h"

namespace xc::gateway {

struct EngineReport {
  std::string model;
  int pid = 0;
  Result<std::string> json;
};
// GETs `target` of every ready worker, one after the other; none is loaded or kept alive by it. One
// that does not answer within limits::kWorkerAnswerTimeout has an error instead.
Task<std::vector<EngineReport>> ask_engines(Call& call, std::string target);

// The numbers of a flat JSON object; those of an array under "name.0", "name.1" … Empty when it is
// none.
using EngineNumbers = std::map<std::string, double, std::less<>>;
EngineNumbers numbers_of(std::string_view json);

}  // namespace xc::gateway

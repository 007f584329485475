// Classes of requests: 0 interactive, 1 normal, 2 background.
#pragma once

namespace xc::engine {

inline constexpr int kClasses = 3;

}  // namespace xc::engine

#include "engine/core/row_costs.h"

#include <algorithm>
#include <cmath>

namespace xc::engine {
namespace {

constexpr int kRemembered = 32;  // observations; the first are averaged, then old ones fade
constexpr double kSurprise = 2;  // an observation pulls by this factor at most
constexpr int kTrusted = 2;      // observations before anything is said
constexpr double kLeast = 0.5;   // of a step of one row: whatever is seen, no kernel does this
constexpr double kMostARow = 2;

}  // namespace

const RowCosts::Cost* RowCosts::at(int rows) const {
  if (rows < 1 || rows > kRowsMax) return nullptr;
  const Cost& cost = costs_[static_cast<std::size_t>(rows)];
  return cost.seen >= kTrusted ? &cost : nullptr;
}

bool RowCosts::known(int rows) const { return at(rows) != nullptr; }

void RowCosts::observe(int rows, double relative) {
  if (rows < 1 || rows > kRowsMax || !std::isfinite(relative) || relative <= 0) return;
  Cost& cost = costs_[static_cast<std::size_t>(rows)];
  relative = std::clamp(relative, kLeast, kMostARow * rows);
  if (cost.seen > 0) {
    relative = std::clamp(relative, cost.relative / kSurprise, cost.relative * kSurprise);
  }
  cost.seen = std::min(cost.seen + 1, kRemembered);
  cost.relative += (relative - cost.relative) / cost.seen;
}

std::optional<double> RowCosts::relative(int rows) const {
  if (const Cost* cost = at(rows)) return cost->relative;
  int below = rows - 1;
  int above = rows + 1;
  while (below >= 1 && !known(below)) --below;
  while (above <= kRowsMax && !known(above)) ++above;
  const Cost* fewer = at(below);
  const Cost* more = at(above);
  if (fewer == nullptr || more == nullptr) return std::nullopt;
  const double share = static_cast<double>(rows - below) / (above - below);
  return fewer->relative + share * (more->relative - fewer->relative);
}

}  // namespace xc::engine

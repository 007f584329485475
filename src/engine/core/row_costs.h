// What a step of a few decode rows costs, in steps of one row. No straight line: kernels that
// multiply four rows at once make four cheaper than three. One per number of threads; pure.
#pragma once

#include <array>
#include <optional>

namespace xc::engine {

class RowCosts {
 public:
  static constexpr int kRowsMax = 17;  // beyond, a straight line is near enough

  // A step of `rows` took `relative` times the weights' part of one row. Ignored outside 1 …
  // kRowsMax and when not positive and finite.
  void observe(int rows, double relative);
  // As observed twice or more, or between the next fewer and the next more that were; nullopt
  // outside of these.
  std::optional<double> relative(int rows) const;
  bool known(int rows) const;

 private:
  struct Cost {
    double relative = 0;
    int seen = 0;
  };
  const Cost* at(int rows) const;
  std::array<Cost, kRowsMax + 1> costs_{};
};

}  // namespace xc::engine

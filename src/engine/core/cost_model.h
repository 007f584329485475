// How long a step will take, learnt from the steps before:
//   ms = pace · (a + b·prefill + c·decode_rows + d·(prefill + decode_rows)·cells)
// and for a few decode rows without a prompt, where they were seen, RowCosts in place of a +
// c·rows. The shape a, b, c, d is a Kalman filter over relative errors; the pace is the median of
// the last few steps against the shape, so a machine that slows down is followed within four steps
// and a single pause (a busy neighbour) moves nothing. One model per number of threads; a new one
// starts from its nearest neighbour. Deterministic, no clock. Engine thread only.
//
// Coefficients never fall below a small positive bound: no prediction is negative or zero, and
// every prediction grows with every argument, but for a few decode rows as they were seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "engine/core/row_costs.h"

namespace xc::engine {

// What a step computes. Draft tokens are decode rows: they ride in the same batch.
struct StepShape {
  int threads = 1;
  int prefill_tokens = 0;
  int decode_rows = 0;
  int cells = 0;  // that each row attends to: the used cells of a unified cache
};

class StepCostModel {
 public:
  static constexpr int kPrefillFloor = 16;  // a prompt advances by this much whatever the target

  // A step took this long. Values that are not positive and finite are ignored.
  void observe(const StepShape& shape, double ms);

  // Milliseconds; always positive and finite. Before the first observation: a guess.
  double predict(const StepShape& shape) const;
  // Prompt tokens that fit beside these decodes into target_ms, by the prediction and what steps
  // lately took beyond theirs (on a shared machine half of them do): between min(kPrefillFloor,
  // max) and max; max when nobody decodes or nothing is known of a target (target_ms <= 0). Until
  // steps of that size were seen, at most twice the largest seen: a wrong guess must not stall the
  // streams.
  int prefill_budget(double target_ms, int threads, int decode_rows, int cells, int max) const;

  // Prompt tokens that take as long as one decode row beside a prompt; at least a quarter.
  double row_in_prompt_tokens(int threads, int cells) const;

  std::uint64_t observations(int threads) const;

 private:
  static constexpr std::size_t kFeatures = 4;
  static constexpr std::size_t kWindow = 7;
  using Vector = std::array<double, kFeatures>;

  struct Sample {
    Vector x{};
    double ms = 0;
  };
  struct State {
    Vector theta{};
    std::array<Vector, kFeatures> covariance{};
    std::array<Sample, kWindow> recent{};
    double pace = 1;
    std::uint64_t seen = 0;
    int prefill_seen = 0;            // the largest
    int misses = 0;                  // steps far off, less those near
    std::array<bool, 2> was_long{};  // the last step without, with a prompt took far too long
    double excess = 0;               // mean square of what steps with a prompt took too long
    RowCosts rows;                   // in units of a + c
  };
  static Vector features(const StepShape& shape);
  static double shape_ms(const State& state, const Vector& x);
  static void learn_rows(State& state, const Vector& x, double ms);
  static State guess();
  static bool believable(State& state, const Vector& x, double ms);
  static void learn_shape(State& state, const Vector& x, double ms);
  static void learn_excess(State& state, const Vector& x, double ms);
  static void find_pace(State& state);
  static void fold_pace(State& state);
  static void start_over(State& state, const Vector& x, double ms);
  const State& nearest(int threads) const;
  State& state_for(int threads);

  std::map<int, State> states_;  // by threads; as many as the thread governor ever chose
  State guess_ = guess();
};

}  // namespace xc::engine

#include "engine/core/cost_model.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace xc::engine {
namespace {

// The shape of a small model on a processor, up to a factor that the first step tells: what reading
// the weights costs, a prompt token, a decode row, and a row's look at one cell.
constexpr std::array<double, 4> kShapeGuess{4, 1, 1, 1e-4};
constexpr double kFirstDoubt = 2;      // relative standard deviation of the guess
constexpr double kDoubtMax = 0.5;      // of a coefficient that was not exercised for long
constexpr double kDrift = 0.02;        // relative random walk of a coefficient, a step
constexpr double kNoise = 0.2;         // relative noise of one measurement
constexpr double kFloorShare = 0.02;   // of the guess at the present scale: coefficients' floor
constexpr std::uint64_t kWarmUp = 16;  // steps in which large errors are believed more
constexpr double kErrorMaxEarly = 2;   // relative error beyond which a step teaches no more
constexpr double kErrorMax = 0.6;
constexpr double kPause = 2.2;         // times the prediction: perhaps a neighbour's doing
constexpr double kMiss = 0.5;          // relative error of a step that counts as missed
constexpr int kMissesMax = 14;         // more missed than hit: what was learnt is worth nothing
constexpr double kExcessWeight = 0.1;  // of the newest step
constexpr double kExcessMax = 0.5;     // of a step that counts; beyond, it was a pause
constexpr double kMargin = 2;          // times the excess: nine steps of ten keep it and more
constexpr double kRowInTokensMin = 0.25;
constexpr std::size_t kPaceSamples = 3;  // before that many, the pace is 1

template <typename V>
double dot(const V& a, const V& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

StepCostModel::Vector StepCostModel::features(const StepShape& shape) {
  const double prefill = std::max(shape.prefill_tokens, 0);
  const double rows = std::max(shape.decode_rows, 0);
  return {1, prefill, rows, (prefill + rows) * std::max(shape.cells, 0)};
}

// At pace 1: by the line, or by what so many rows were seen to cost.
double StepCostModel::shape_ms(const State& state, const Vector& x) {
  const Vector& theta = state.theta;
  if (x[1] == 0) {
    const auto relative = state.rows.relative(static_cast<int>(x[2]));
    if (relative) return *relative * (theta[0] + theta[2]) + theta[3] * x[3];
  }
  return dot(theta, x);
}

void StepCostModel::learn_rows(State& state, const Vector& x, double ms) {
  if (x[1] > 0) return;
  const double one = state.theta[0] + state.theta[2];
  const double weights = ms / state.pace - state.theta[3] * x[3];  // without the look at cells
  state.rows.observe(static_cast<int>(x[2]), std::max(weights / one, kFloorShare));
}

StepCostModel::State StepCostModel::guess() {
  State state;
  state.theta = kShapeGuess;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    state.covariance[i][i] = std::pow(kFirstDoubt * kShapeGuess[i], 2);
  }
  return state;
}

const StepCostModel::State& StepCostModel::nearest(int threads) const {
  const State* best = &guess_;
  int distance = -1;
  for (const auto& [known, state] : states_) {
    const int d = std::abs(known - threads);
    if (distance >= 0 && d >= distance) continue;
    distance = d;
    best = &state;
  }
  return *best;
}

StepCostModel::State& StepCostModel::state_for(int threads) {
  const auto found = states_.find(threads);
  if (found != states_.end()) return found->second;
  State state = nearest(threads);
  // The neighbour's shape is a good guess, its scale is not: doubt all of it together.
  fold_pace(state);
  for (std::size_t i = 0; i < kFeatures; ++i) {
    for (std::size_t j = 0; j < kFeatures; ++j) {
      state.covariance[i][j] = i == j ? std::pow(state.theta[i], 2) : 0;
    }
  }
  if (state.seen == 0) state = guess();
  state.seen = 0;
  return states_[threads] = state;
}

void StepCostModel::fold_pace(State& state) {
  for (double& t : state.theta) t *= state.pace;
  for (Vector& row : state.covariance) {
    for (double& v : row) v *= state.pace * state.pace;
  }
  state.pace = 1;
}

// The median of what the last steps took against the shape.
void StepCostModel::find_pace(State& state) {
  const auto count = std::min<std::size_t>(state.seen, kWindow);
  if (count < kPaceSamples) return;
  std::array<double, kWindow> ratios{};
  for (std::size_t i = 0; i < count; ++i) {
    ratios[i] = state.recent[i].ms / dot(state.theta, state.recent[i].x);
  }
  // The lower middle of an even count: pauses make steps longer, nothing makes them shorter.
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>((count - 1) / 2);
  std::nth_element(ratios.begin(), middle, ratios.begin() + static_cast<std::ptrdiff_t>(count));
  state.pace = *middle;
}

// A step that took far too long is a pause until the next of its kind does so too.
bool StepCostModel::believable(State& state, const Vector& x, double ms) {
  const double ratio = ms / (state.pace * dot(state.theta, x));
  const bool far_off = ratio > 1 + kMiss || ratio < 1 - kMiss;
  state.misses = std::max(0, state.misses + (far_off ? 1 : -1));
  bool& was_long = state.was_long[x[1] > 0 ? 1 : 0];
  const bool pause = ratio > kPause && !was_long;
  was_long = ratio > kPause;
  return !pause;
}

// The scale of the machine by one step, the shape a guess.
void StepCostModel::start_over(State& state, const Vector& x, double ms) {
  const State fresh = guess();
  state.theta = fresh.theta;
  state.covariance = fresh.covariance;
  state.misses = 0;
  state.seen = 0;
  state.rows = {};
  state.pace = ms / dot(state.theta, x);
  fold_pace(state);
}

// One step of a Kalman filter in units of the prediction, so that a short step teaches as much as
// a long one.
void StepCostModel::learn_shape(State& state, const Vector& x, double ms) {
  const double line_ms = dot(state.theta, x);
  const double scale = line_ms / dot(kShapeGuess, x);
  Vector reference{};
  for (std::size_t i = 0; i < kFeatures; ++i) {
    reference[i] = std::max(state.theta[i], 10 * kFloorShare * kShapeGuess[i] * scale);
    state.covariance[i][i] += std::pow(kDrift * reference[i], 2);
  }
  Vector z{};
  for (std::size_t i = 0; i < kFeatures; ++i) z[i] = x[i] / line_ms;
  Vector gain{};
  for (std::size_t i = 0; i < kFeatures; ++i) gain[i] = dot(state.covariance[i], z);
  const double variance = dot(gain, z) + kNoise * kNoise;
  const double error_max = state.seen <= kWarmUp ? kErrorMaxEarly : kErrorMax;
  const double error = std::clamp(ms / (state.pace * line_ms) - 1, -error_max, error_max);
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const double next = state.theta[i] + gain[i] / variance * error;
    state.theta[i] = std::max(next, kFloorShare * kShapeGuess[i] * scale);
  }
  for (std::size_t i = 0; i < kFeatures; ++i) {
    for (std::size_t j = 0; j < kFeatures; ++j) {
      state.covariance[i][j] -= gain[i] * gain[j] / variance;
    }
  }
  // What is not exercised must not grow so doubtful that one noisy step throws it anywhere.
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const double doubt_max = state.seen <= kWarmUp ? kFirstDoubt : kDoubtMax;
    const double cap = std::pow(doubt_max * reference[i], 2);
    if (state.covariance[i][i] <= cap) continue;
    const double shrink = std::sqrt(cap / state.covariance[i][i]);
    for (std::size_t j = 0; j < kFeatures; ++j) {
      state.covariance[i][j] *= shrink;
      state.covariance[j][i] *= shrink;
    }
  }
}

void StepCostModel::learn_excess(State& state, const Vector& x, double ms) {
  if (x[1] <= 0 || state.seen <= kWarmUp) return;
  const double over = std::clamp(ms / (state.pace * dot(state.theta, x)) - 1, 0.0, kExcessMax);
  state.excess += kExcessWeight * (over * over - state.excess);
}

void StepCostModel::observe(const StepShape& shape, double ms) {
  if (!std::isfinite(ms) || ms <= 0) return;
  State& state = state_for(shape.threads);
  const Vector x = features(shape);
  if (state.seen == 0) {  // the scale of this machine
    state.pace = ms / shape_ms(state, x);
    fold_pace(state);
  }
  // The line learns what the rows' own costs do not say: each deviation has one owner.
  const double seen_ms = ms;
  ms *= dot(state.theta, x) / shape_ms(state, x);
  state.recent[state.seen % kWindow] = {x, ms};
  ++state.seen;
  state.prefill_seen = std::max(state.prefill_seen, shape.prefill_tokens);
  find_pace(state);
  if (believable(state, x, ms)) {
    learn_excess(state, x, ms);
    learn_shape(state, x, ms);
    learn_rows(state, x, seen_ms);
  }
  if (state.misses > kMissesMax) start_over(state, x, seen_ms);
  find_pace(state);
  if (state.pace < 0.5 || state.pace > 2) fold_pace(state);
}

double StepCostModel::predict(const StepShape& shape) const {
  const State& state = nearest(shape.threads);
  return state.pace * shape_ms(state, features(shape));
}

int StepCostModel::prefill_budget(double target_ms, int threads, int decode_rows, int cells,
                                  int max) const {
  if (decode_rows <= 0 || target_ms <= 0 || max <= 0) return std::max(max, 0);
  const State& state = nearest(threads);
  const double at_rest = predict({threads, 0, decode_rows, cells});
  const double per_token = state.pace * (state.theta[1] + state.theta[3] * std::max(cells, 0));
  const double sure_ms = target_ms / (1 + kMargin * std::sqrt(state.excess));
  const double fits = (sure_ms - at_rest) / per_token;
  const int known = std::max(2 * state.prefill_seen, kPrefillFloor);
  const int most = std::min(max, known);
  if (fits >= most) return most;
  return std::max(static_cast<int>(fits), std::min(kPrefillFloor, max));
}

double StepCostModel::row_in_prompt_tokens(int threads, int cells) const {
  const Vector& theta = nearest(threads).theta;
  const double look = theta[3] * std::max(cells, 0);
  return std::max((theta[2] + look) / (theta[1] + look), kRowInTokensMin);
}

std::uint64_t StepCostModel::observations(int threads) const {
  const auto found = states_.find(threads);
  return found == states_.end() ? 0 : found->second.seen;
}

}  // namespace xc::engine

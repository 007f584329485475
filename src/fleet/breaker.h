// A circuit breaker for one endpoint. Pure: time comes in with each call. Not thread-safe.
//
// Only what the endpoint itself does wrong is told to it. A caller's mistake (400, 413, 422) and a
// caller that leaves are neither success nor failure: peers that counted them shut whole pools
// because of one client. A closed breaker opens after kFailuresInRow failures in a row, or when
// half of the last kWindow answers failed; it lets one trial through after a time that doubles with
// each opening, and a first token closes it again, on probation: the next failure opens it at once.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/limits.h"

namespace xc::fleet {

class Breaker {
 public:
  enum class State : std::uint8_t { Closed, Open, Trial };

  // Whether a request may go there now. An open breaker whose time is over says yes, once: the
  // caller must then call begin().
  bool allows(SteadyTime now) const;
  // A request goes there. In an open breaker it is the trial.
  void begin(SteadyTime now);
  // The first token, or the head of a whole reply, came.
  void answered();
  void succeeded();
  void failed(SteadyTime now);
  // It ended and says nothing about the endpoint; a trial may be tried again.
  void left();
  // An active probe found it well: the trial may come now.
  void probe_succeeded(SteadyTime now);
  // The next request is a trial: of an endpoint that is new or was paused.
  void warm_up();

  // On trial because it is new or was paused, not because it failed: where nothing else is left, it
  // may be asked by more than one.
  bool warming() const { return state_ == State::Trial && warming_; }
  // None of the answers that are remembered failed.
  bool unfailing() const { return state_ != State::Open && window_.none(); }
  State state() const { return state_; }
  SteadyTime open_until() const { return open_until_; }
  int openings() const { return openings_; }  // in all

 private:
  static constexpr int kFailuresInRow = limits::kBreakerFailures;
  static constexpr int kWindow = 20;  // answers
  void note(bool failure);
  void open(SteadyTime now);

  State state_ = State::Closed;
  std::bitset<kWindow> window_;  // 1: failed
  int in_row_ = 0;
  bool probation_ = false;
  bool trial_runs_ = false;
  bool warming_ = false;
  SteadyTime open_until_{};
  Duration pause_ = limits::kBreakerOpenFirst;
  int openings_ = 0;
};
std::string_view name_of(Breaker::State state);  // "closed", "open", "trial"

}  // namespace xc::fleet

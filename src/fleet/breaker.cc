#include "fleet/breaker.h"

#include <algorithm>

namespace xc::fleet {

bool Breaker::allows(SteadyTime now) const {
  switch (state_) {
    case State::Closed:
      return true;
    case State::Open:
      return now >= open_until_;
    case State::Trial:
      return !trial_runs_;
  }
  return false;
}

void Breaker::begin(SteadyTime now) {
  if (state_ == State::Open && now >= open_until_) state_ = State::Trial;
  if (state_ == State::Trial) trial_runs_ = true;
}

void Breaker::answered() {
  if (state_ != State::Trial) return;
  state_ = State::Closed;
  trial_runs_ = false;
  warming_ = false;
  probation_ = true;
  in_row_ = 0;
  window_.reset();
}

void Breaker::succeeded() {
  answered();
  note(false);
  in_row_ = 0;
  probation_ = false;
  pause_ = limits::kBreakerOpenFirst;
}

void Breaker::failed(SteadyTime now) {
  note(true);
  ++in_row_;
  if (state_ == State::Open) return;  // of a request that began before it opened
  const bool half = 2 * window_.count() >= kWindow;
  if (state_ == State::Trial || probation_ || in_row_ >= kFailuresInRow || half) open(now);
}

void Breaker::left() {
  if (state_ == State::Trial) trial_runs_ = false;
}

void Breaker::probe_succeeded(SteadyTime now) {
  if (state_ == State::Open) open_until_ = std::min(open_until_, now);
}

void Breaker::warm_up() {
  state_ = State::Trial;
  trial_runs_ = false;
  warming_ = true;
}

void Breaker::note(bool failure) {
  window_ <<= 1;
  window_[0] = failure;
}

void Breaker::open(SteadyTime now) {
  state_ = State::Open;
  trial_runs_ = false;
  warming_ = false;
  probation_ = false;
  in_row_ = 0;
  window_.reset();
  ++openings_;
  open_until_ = now + pause_;
  pause_ = std::min<Duration>(2 * pause_, limits::kBreakerOpenMax);
}

std::string_view name_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::Closed:
      return "closed";
    case Breaker::State::Open:
      return "open";
    case Breaker::State::Trial:
      return "trial";
  }
  return "open";
}

}  // namespace xc::fleet

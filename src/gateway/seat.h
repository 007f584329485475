// Where one request's answer is made: a leased worker of this machine, or an endpoint of a pool.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fleet/fleet.h"
#include "fleet/pools.h"

namespace xc::gateway {

// Given back when it is destroyed. Moves; used on one I/O thread.
class Seat {
 public:
  // `model`: as the fleet finds it again.
  Seat(fleet::Lease lease, std::string model)
      : lease_(std::move(lease)), model_(std::move(model)) {}
  explicit Seat(fleet::Place place)
      : use_(std::move(place.use)), model_(std::move(place.model)), hedge_ms_(place.hedge_ms) {}

  // Null: a worker of this machine.
  fleet::EndpointUse* endpoint() const { return use_.get(); }
  const fleet::Lease& lease() const { return *lease_; }  // without an endpoint
  const net::Origin& origin() const { return use_ ? use_->origin() : lease_->origin(); }
  const std::string& model() const { return model_; }  // its name there
  // Of an endpoint: milliseconds until another is asked too; 0: never.
  int hedge_ms() const { return hedge_ms_; }

 private:
  std::optional<fleet::Lease> lease_;
  std::unique_ptr<fleet::EndpointUse> use_;
  std::string model_;
  int hedge_ms_ = 0;
};

}  // namespace xc::gateway

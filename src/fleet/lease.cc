#include "fleet/lease.h"

namespace xc::fleet {

Lease::Lease(std::shared_ptr<State> state) : state_(std::move(state)) {}
Lease::Lease(Lease&&) noexcept = default;
Lease& Lease::operator=(Lease&&) noexcept = default;
Lease::~Lease() = default;
const net::Origin& Lease::origin() const { return state_->worker->origin; }
const std::string& Lease::model() const { return state_->worker->spec->name; }
const std::string& Lease::adapter() const { return state_->worker->spec->adapter; }
int Lease::context() const { return state_->worker->spec->context; }

}  // namespace xc::fleet

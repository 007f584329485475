#include "fleet/shortcuts.h"

namespace xc::fleet {

Lease::Lease(std::shared_ptr<const ReadyWorker> taken) : worker_(std::move(taken)) {}
Lease::Lease(Lease&& other) noexcept : worker_(std::move(other.worker_)) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  worker_ = std::move(other.worker_);
  return *this;
}

Lease::~Lease() { give_back(); }

void Lease::give_back() {
  if (worker_) worker_->usage->give_back();
}

const net::Origin& Lease::origin() const { return worker_->origin; }
const std::string& Lease::model() const { return worker_->spec->name; }
const std::string& Lease::adapter() const { return worker_->spec->adapter; }
int Lease::context() const { return worker_->spec->context; }

}  // namespace xc::fleet

#include "identity/login_throttle.h"

#include <algorithm>

#include "base/address_range.h"
#include "base/limits.h"

namespace xc::identity {
namespace {

constexpr std::int64_t kWindowMs = std::chrono::milliseconds(limits::kLoginWindow).count();

std::string source_of(const std::string& peer) {
  const std::optional<AddressBytes> address = address_bytes(peer);
  if (!address) return peer;  // "unix"
  const std::size_t bytes = is_v4(*address) ? address->size() : 8;
  return std::string(address->begin(), address->begin() + static_cast<std::ptrdiff_t>(bytes));
}

}  // namespace

int LoginThrottle::wait_s(const std::string& peer, std::int64_t now_unix_ms) {
  const std::lock_guard hold(lock_);
  const auto found = sources_.find(source_of(peer));
  if (found == sources_.end()) return 0;
  const std::int64_t left = found->second.since_unix_ms + kWindowMs - now_unix_ms;
  if (left <= 0) {
    sources_.erase(found);
    return 0;
  }
  if (found->second.failures < limits::kLoginSourceFailuresMax) return 0;
  return static_cast<int>((left + 999) / 1000);
}

void LoginThrottle::failed(const std::string& peer, std::int64_t now_unix_ms) {
  const std::lock_guard hold(lock_);
  const std::string source = source_of(peer);
  if (!sources_.contains(source)) make_room(now_unix_ms);
  Count& count = sources_[source];
  if (count.failures == 0) count.since_unix_ms = now_unix_ms;
  ++count.failures;
}

int LoginThrottle::refused(std::int64_t now_unix_ms) {
  const std::lock_guard hold(lock_);
  return static_cast<int>(std::ranges::count_if(sources_, [now_unix_ms](const auto& entry) {
    const Count& count = entry.second;
    return count.failures >= limits::kLoginSourceFailuresMax &&
           count.since_unix_ms + kWindowMs > now_unix_ms;
  }));
}

// Windows that are over go; when all are fresh, the oldest does: the account's own lock still holds
// against many sources.
void LoginThrottle::make_room(std::int64_t now_unix_ms) {
  if (sources_.size() < limits::kLoginSourcesMax) return;
  std::erase_if(sources_, [now_unix_ms](const auto& entry) {
    return entry.second.since_unix_ms + kWindowMs <= now_unix_ms;
  });
  if (sources_.size() < limits::kLoginSourcesMax) return;
  const auto oldest = std::ranges::min_element(
      sources_, {}, [](const auto& entry) { return entry.second.since_unix_ms; });
  sources_.erase(oldest);
}

}  // namespace xc::identity

#include "engine/chunks/disk_index.h"

#include <algorithm>

namespace xc::engine {

std::optional<DiskIndex::Entry> DiskIndex::find(const Digest& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end()) return std::nullopt;
  return *found->second;
}

bool DiskIndex::use(const Digest& key, std::int64_t now_us, std::int64_t every_us) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end()) return false;
  Entry& entry = *found->second;
  entry.used_us = now_us;
  order_.splice(order_.end(), order_, found->second);
  if (now_us - entry.noted_us < every_us) return false;
  entry.noted_us = now_us;
  return true;
}

void DiskIndex::add(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (const auto found = places_.find(entry.key); found != places_.end()) {
    bytes_ -= found->second->bytes;
    order_.erase(found->second);
    places_.erase(found);
  }
  places_[entry.key] = order_.insert(order_.end(), entry);
  bytes_ += entry.bytes;
}

void DiskIndex::remove(const Digest& key) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end()) return;
  bytes_ -= found->second->bytes;
  order_.erase(found->second);
  places_.erase(found);
}

std::optional<DiskIndex::Entry> DiskIndex::oldest() const {
  const std::lock_guard lock(mutex_);
  if (order_.empty()) return std::nullopt;
  return order_.front();
}

void DiskIndex::replace(std::vector<Entry> entries) {
  // Built aside, so that the lock is held for the swap only.
  std::ranges::sort(entries, {}, &Entry::used_us);
  Order order;
  Places places;
  std::uint64_t bytes = 0;
  places.reserve(entries.size());
  for (const Entry& entry : entries) {
    const auto [place, fresh] = places.try_emplace(entry.key);
    if (!fresh) continue;
    place->second = order.insert(order.end(), entry);
    bytes += entry.bytes;
  }
  const std::lock_guard lock(mutex_);
  order_.swap(order);  // iterators stay valid over a swap
  places_.swap(places);
  bytes_ = bytes;
}

std::uint64_t DiskIndex::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t DiskIndex::size() const {
  const std::lock_guard lock(mutex_);
  return places_.size();
}

}  // namespace xc::engine

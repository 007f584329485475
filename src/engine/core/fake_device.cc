#include "engine/core/fake_device.h"

#include <cstring>

namespace xc::engine {

std::uint64_t mix_hash(std::uint64_t value) {  // splitmix64
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
  return value ^ (value >> 31);
}

std::uint64_t FakeDevice::value_after(std::uint64_t before, Token token, std::uint64_t image) {
  return mix_hash(before * 31 + static_cast<std::uint64_t>(token + 2) + image * 0x10001);
}

FakeDevice::FakeDevice(int sequences, int cells, bool can_share)
    : can_share_(can_share), cells_(index(cells)), sequences_(index(sequences)) {
  for (int i = cells; i-- > 0;) free_.push_back(i);
}

void FakeDevice::note(const std::string& what) {
  if (misuse_.empty()) misuse_ = what;
}

int FakeDevice::take(const Cell& cell) {
  if (free_.empty()) {
    note("more cells than there are");
    cells_.push_back({});
    free_.push_back(static_cast<int>(cells_.size()) - 1);
  }
  const int place = free_.back();
  free_.pop_back();
  cells_[index(place)] = {cell, 1};
  return place;
}

void FakeDevice::let_go(int cell) {
  if (--cells_[index(cell)].holders == 0) free_.push_back(cell);
}

void FakeDevice::share(int src, int dst, int end) {
  const auto& from = sequences_[index(src)];
  auto& to = sequences_[index(dst)];
  if (!to.empty()) note("share into a sequence in use");
  if (src == dst) note("share with itself");
  if (!can_share_ && end != length(src)) note("share of a part in a memory that cannot");
  if (end <= 0 || end > length(src)) note("share of a range that is not there");
  for (const int cell : from) {
    if (cells_[index(cell)].cell.position >= end) break;
    ++cells_[index(cell)].holders;
    to.push_back(cell);
  }
}

bool FakeDevice::drop(int seq, int from) {
  auto& own = sequences_[index(seq)];
  if (from > 0 && !can_share_) return false;
  while (!own.empty() && cells_[index(own.back())].cell.position >= from) {
    let_go(own.back());
    own.pop_back();
  }
  return true;
}

KvBytes FakeDevice::copy_out(int seq, int from, int to) {
  if (from < 0 || from >= to || to > length(seq)) {
    note("copy of a range that is not there");
    return {};
  }
  if (!copies_out) return {};
  std::vector<Cell> run;
  for (int i = from; i < to; ++i) {
    run.push_back(at(seq, i));
    if (run.back().position != i) note("copy of positions that are shifted");
  }
  KvBytes bytes(run.size() * sizeof(Cell));
  std::memcpy(bytes.data(), run.data(), bytes.size());
  return bytes;
}

bool FakeDevice::copy_in(int seq, Bytes bytes, int begin, int from, int to) {
  std::vector<Cell> run(bytes.size() / sizeof(Cell));
  if (!run.empty()) std::memcpy(run.data(), bytes.data(), run.size() * sizeof(Cell));
  if (length(seq) != from) note("copy into a sequence that ends elsewhere");
  if (from < begin || to <= from) note("copy of an empty or foreign range");
  // All of it goes through a scratch sequence first.
  if (!copies_in || !has_room(static_cast<int>(run.size()))) return false;
  if (run.empty() || run.front().position != begin || run.back().position < to - 1) return false;
  for (int i = from; i < to; ++i) sequences_[index(seq)].push_back(take(run[index(i - begin)]));
  return true;
}

KvBytes FakeDevice::copy_state(int seq) { return copy_out(seq, 0, length(seq)); }

bool FakeDevice::restore_state(int seq, std::span<const std::byte> state) {
  std::vector<Cell> run(state.size() / sizeof(Cell));
  if (!run.empty()) std::memcpy(run.data(), state.data(), run.size() * sizeof(Cell));
  drop(seq, 0);
  if (!copies_in || run.empty() || !has_room(static_cast<int>(run.size()))) return false;
  for (const Cell& cell : run) sequences_[index(seq)].push_back(take(cell));
  return true;
}

void FakeDevice::compute(int seq, int position, Token token, std::uint64_t image) {
  auto& own = sequences_[index(seq)];
  const Cell* last = own.empty() ? nullptr : &cells_[index(own.back())].cell;
  const int next = last == nullptr ? 0 : last->position + 1;
  const bool within_image = last != nullptr && image != 0 && position == last->position;
  if (position != next && !within_image) note("a gap or an overlap of positions");
  if (token < 0 && image == 0) note("an image's place computed as text");
  const std::uint64_t before = last == nullptr ? 0 : last->value;
  own.push_back(take({value_after(before, token, image), token, position}));
}

}  // namespace xc::engine

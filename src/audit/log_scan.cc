#include "audit/log_scan.h"

#include <fmt/format.h>

#include <algorithm>

namespace xc::audit {

Status LogScan::turn_to(std::uint64_t index) {
  if (segment_ && index >= segment_->first() && index < end_) return {};
  XC_TRY(const std::vector<std::uint64_t> firsts, segments_of(log_.folder()));
  const auto after = std::ranges::upper_bound(firsts, index);
  if (after == firsts.begin()) {
    return fail(Code::NotFound, Message::AuditNoLeaf, {fmt::format("{}", index)});
  }
  XC_TRY(segment_, SegmentReader::open(log_.folder(), *(after - 1)));
  end_ = after == firsts.end() ? size_ : *after;
  ++opened_;
  return {};
}

Result<Entry> LogScan::read(std::uint64_t index, Texts texts) {
  if (index >= size_) {
    return fail(Code::NotFound, Message::AuditNoLeaf, {fmt::format("{}", index)});
  }
  XC_CHECK(turn_to(index));
  XC_TRY(const std::string bytes, segment_->frame(index - segment_->first()));
  const auto frame = leaf_frame_of(bytes);
  if (!frame || frame->leaf.index != index) {
    return fail(Code::Internal, Message::AuditDamaged, {log_.folder(), fmt::format("#{}", index)});
  }
  return segment_->entry(*frame, texts);
}

}  // namespace xc::audit

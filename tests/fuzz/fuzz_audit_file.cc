// What the audit room reads from disk. The first byte picks: 0 a segment (header, leaf frames), 1
// content frames, 2 a line of an export, 3 a head, 4 a receipt. What is accepted must be, byte for
// byte, what writing it gives.
#include <cstdint>
#include <string_view>

#include "audit/export.h"
#include "audit/segment.h"

namespace {

using namespace xc::audit;

void need(bool fact) {
  if (!fact) __builtin_trap();
}

void read_segment(std::string_view bytes) {
  if (const auto head = segment_head_of(bytes)) {
    need(bytes_of(*head) == bytes.substr(0, kSegmentHeadBytes));
  }
  for (; bytes.size() >= kLeafFrameBytes; bytes.remove_prefix(kLeafFrameBytes)) {
    const auto frame = leaf_frame_of(bytes.substr(0, kLeafFrameBytes));
    if (!frame) continue;
    std::string again;
    append_frame(again, *frame);
    need(again == bytes.substr(0, kLeafFrameBytes));
  }
}

void read_content(std::string_view bytes) {
  while (const auto head = content_head_of(bytes)) {
    bytes.remove_prefix(kContentHeadBytes);
    const std::string_view text = bytes.substr(0, head->length);
    if (whole(*head, text) && !head->erased) {
      std::string again;
      append_frame(again, head->body, head->index, head->salt, text);
      need(again.ends_with(text) && content_head_of(again)->crc == head->crc);
      if (head->body == Body::Record) content_hash_of(text);
    }
    bytes.remove_prefix(text.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 5) {
    case 0:
      read_segment(text);
      break;
    case 1:
      read_content(text);
      break;
    case 2:
      if (const auto line = export_line_of(text)) need(text_of(*line) == text);
      break;
    case 3:
      if (const auto head = head_of(text)) need(text_of(*head) == text);
      break;
    default:
      if (const auto receipt = receipt_of(text)) need(text_of(*receipt) == text);
  }
  return 0;
}

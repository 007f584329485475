#include "convert/sentencepiece.h"

#include <fmt/format.h>

#include <cstring>

#include "base/limits.h"
#include "convert/weights_file.h"

namespace xc::convert {
namespace {

enum Wire : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// One message of fields. A failure sticks: next() ends, and `reason` says why.
class WireReader {
 public:
  WireReader(std::string_view bytes, std::uint64_t base, std::string* reason)
      : bytes_(bytes), base_(base), reason_(reason) {}

  // Moves to the next field; false at the end or after a failure.
  bool next() {
    if (!reason_->empty() || at_ == bytes_.size()) return false;
    const std::uint64_t tag = varint();
    field_ = static_cast<std::uint32_t>(tag >> 3);
    wire_ = static_cast<std::uint32_t>(tag & 7);
    if (tag >> 3 == 0 || tag >> 3 > (1u << 29)) return broken("a field number out of range");
    switch (wire_) {
      case kVarint:
        number_ = varint();
        break;
      case kFixed32:
        return take(4);
      case kFixed64:
        return take(8);
      case kBytes: {
        const std::uint64_t length = varint();
        return reason_->empty() && take(length);
      }
      default:
        return broken("an unknown wire type");
    }
    return reason_->empty();
  }
  bool is(std::uint32_t field, Wire wire) const { return field_ == field && wire_ == wire; }
  std::uint64_t number() const { return number_; }
  std::string_view bytes() const { return value_; }
  float real() const {
    float value = 0;
    std::memcpy(&value, value_.data(), sizeof value);
    return value;
  }
  WireReader message() const {
    return {value_, base_ + static_cast<std::uint64_t>(value_.data() - bytes_.data()), reason_};
  }
  bool broken(std::string_view what) {
    if (reason_->empty()) *reason_ = fmt::format("{} at byte {}", what, base_ + at_);
    return false;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) break;
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    broken("a number without an end");
    return 0;
  }
  bool take(std::uint64_t length) {
    if (length > bytes_.size() - at_) return broken("a length beyond the end");
    value_ = bytes_.substr(at_, length);
    at_ += length;
    return true;
  }

  std::string_view bytes_;
  std::uint64_t base_;
  std::string* reason_;
  std::size_t at_ = 0;
  std::uint32_t field_ = 0, wire_ = 0;
  std::uint64_t number_ = 0;
  std::string_view value_;
};

void read_piece(WireReader in, SentencePieceModel& out) {
  Piece piece;
  while (in.next()) {
    if (in.is(1, kBytes)) piece.text = in.bytes();
    if (in.is(2, kFixed32)) piece.score = in.real();
    if (in.is(3, kVarint)) {
      if (in.number() < 1 || in.number() > 6) {
        in.broken("a piece of unknown type");
        return;
      }
      piece.type = static_cast<PieceType>(in.number());
    }
  }
  if (piece.text.empty()) in.broken("an empty piece");
  if (!(piece.score > -1e30f && piece.score < 1e30f)) in.broken("a score that is no number");
  if (piece.text.size() > limits::kTokenBytesMax) in.broken("a piece that is too long");
  if (out.pieces.size() >= limits::kVocabularyMax) in.broken("too many pieces");
  out.pieces.push_back(std::move(piece));
}

void read_trainer(WireReader in, SentencePieceModel& out) {
  while (in.next()) {
    const auto id = static_cast<std::int32_t>(in.number());
    if (in.is(3, kVarint)) out.is_bpe = in.number() == 2;
    if (in.is(40, kVarint)) out.unk = id;
    if (in.is(41, kVarint)) out.bos = id;
    if (in.is(42, kVarint)) out.eos = id;
    if (in.is(43, kVarint)) out.pad = id;
  }
}

void read_normalizer(WireReader in, SentencePieceModel& out) {
  while (in.next()) {
    if (in.is(2, kBytes)) out.has_charsmap = !in.bytes().empty();
    if (in.is(3, kVarint)) out.add_dummy_prefix = in.number() != 0;
    if (in.is(4, kVarint)) out.remove_extra_whitespaces = in.number() != 0;
  }
}

}  // namespace

Result<SentencePieceModel> parse_sentencepiece(std::string_view bytes, const std::string& name) {
  SentencePieceModel model;
  std::string reason;
  WireReader in(bytes, 0, &reason);
  while (in.next()) {
    if (in.is(1, kBytes)) read_piece(in.message(), model);
    if (in.is(2, kBytes)) read_trainer(in.message(), model);
    if (in.is(3, kBytes)) read_normalizer(in.message(), model);
  }
  if (reason.empty() && model.pieces.empty()) reason = "it has no pieces";
  if (!reason.empty()) return bad_checkpoint(name, reason);
  return model;
}

}  // namespace xc::convert

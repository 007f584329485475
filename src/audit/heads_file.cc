#include "audit/heads_file.h"

#include <fcntl.h>

#include <algorithm>

#include "base/limits.h"

namespace xc::audit {
namespace {

std::string latest_path(const std::string& folder) { return folder + "/latest"; }

std::string latest_text(const SignedHead& head) {
  std::string text = text_of(head);
  text.resize(std::max(text.size() + 1, kLatestBytes), ' ');
  text.back() = '\n';
  return text;
}

std::optional<SignedHead> latest_in(const File& file) {
  const auto bytes = file.read(0, kLatestBytes + 1);
  if (!bytes) return std::nullopt;
  auto head = head_of(std::string_view(*bytes).substr(0, bytes->find(' ')));
  if (!head || latest_text(*head) != *bytes) return std::nullopt;
  return head;
}

}  // namespace

std::string heads_path(const std::string& folder) { return folder + "/heads"; }

Result<HeadsFile> HeadsFile::open(const std::string& folder, const PublicKey& key) {
  HeadsFile file;
  XC_TRY(file.heads_, File::open(heads_path(folder), O_RDWR | O_CREAT));
  XC_TRY(file.latest_, File::open(latest_path(folder), O_RDWR | O_CREAT));
  XC_TRY(const std::uint64_t size, file.heads_.size());
  const std::uint64_t from = size - std::min<std::uint64_t>(size, 2 * limits::kAuditLineBytesMax);
  XC_TRY(std::string tail, file.heads_.read(from, static_cast<std::size_t>(size - from)));
  const std::size_t end = tail.rfind('\n') + 1;  // 0 when there is none
  file.end_ = end == 0 && from == 0 ? 0 : from + end;
  XC_CHECK(file.heads_.truncate(file.end_));
  if (end > 0) {
    tail.resize(end - 1);
    file.last_ = head_of(std::string_view(tail).substr(tail.rfind('\n') + 1));
    if (!file.last_ || !verify(*file.last_, key)) {
      return fail(Code::Internal, Message::AuditDamaged, {file.heads_.path(), "signature"});
    }
  }
  const auto latest = latest_in(file.latest_);
  // Not synced: after a power cut it may be anything, and only counts when it is signed.
  const bool newer = latest && (!file.last_ || latest->size > file.last_->size);
  if (newer && verify(*latest, key)) file.last_ = latest;
  return file;
}

Status HeadsFile::put_latest(const SignedHead& head) { return latest_.write(0, latest_text(head)); }

Status HeadsFile::append(const SignedHead& head) {
  const std::string line = text_of(head) + "\n";
  XC_CHECK(heads_.write(end_, line));
  XC_CHECK(heads_.sync());
  end_ += line.size();
  return {};
}

std::optional<SignedHead> latest_of(const std::string& folder) {
  const auto file = File::open(latest_path(folder), O_RDONLY);
  return file ? latest_in(*file) : std::nullopt;
}

}  // namespace xc::audit

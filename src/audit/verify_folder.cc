// The verifier over a log's folder.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "audit/checker.h"
#include "audit/heads_file.h"
#include "audit/lines.h"
#include "audit/log.h"
#include "audit/log_files.h"
#include "audit/verify_source.h"
#include "base/limits.h"

namespace xc::audit {
namespace {

constexpr int kHeadLooks = 50;
constexpr std::chrono::milliseconds kHeadLookEvery{20};

// Whether a program has the log open. Looks without waiting; holds the lock for no longer than
// that.
bool is_open_elsewhere(const std::string& folder) {
  const int fd = ::open((folder + "/lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

constexpr std::size_t kFramesAtOnce = 1'024;
constexpr std::size_t kTreeBlockBytes = 256 * 1024;

class FolderCheck {
 public:
  FolderCheck(std::string folder, PublicKey key, const VerifyOptions& options)
      : folder_(std::move(folder)), key_(std::move(key)), checker_(key_, options) {}

  Result<Findings> run();

 private:
  Status start();
  Status segment(std::uint64_t first);
  Status frame(const SegmentReader& reader, std::string_view bytes);
  Status content(const SegmentReader& reader, const LeafFrame& frame);
  Status compare_tree(std::uint64_t leaf, std::uint64_t place, const std::vector<Digest>& nodes);
  Status read_head();
  Status heads_here();
  Status end();

  const std::string folder_;
  const PublicKey key_;
  Checker checker_;
  std::vector<std::uint64_t> firsts_;
  std::optional<SignedHead> latest_;
  std::optional<LineReader> heads_;
  std::optional<SignedHead> next_head_;
  std::uint64_t expected_end_ = 0;
  std::optional<std::uint64_t> content_at_;  // where the next record must be, when known
  File tree_;
  std::string tree_block_;
  std::uint64_t tree_block_at_ = 0;
};

Status FolderCheck::start() {
  latest_ = latest_of(folder_);
  XC_TRY(firsts_, segments_of(folder_));
  if (firsts_.empty()) {
    return fail(Code::NotFound, Message::FileMissing,
                {folder_ + "/" + segment_name(0, Part::Leaves)});
  }
  for (const std::uint64_t first : firsts_) {
    std::error_code missing;
    const auto bytes =
        std::filesystem::file_size(folder_ + "/" + segment_name(first, Part::Leaves), missing);
    if (!missing) expected_end_ += bytes / kLeafFrameBytes;
  }
  if (latest_) expected_end_ = std::max(expected_end_, latest_->size);
  auto tree = File::open(tree_path(folder_), O_RDONLY);
  if (tree) tree_ = std::move(*tree);
  if (!tree) checker_.fault(FaultKind::BadFile, 0, "the tree file is missing");
  auto heads = LineReader::open(heads_path(folder_), limits::kAuditLineBytesMax);
  if (heads) heads_ = std::move(*heads);
  if (!heads) checker_.fault(FaultKind::BadFile, 0, "the heads file is missing");
  return read_head();
}

// The next line that is a signed head; the others are faults.
Status FolderCheck::read_head() {
  next_head_.reset();
  while (heads_) {
    XC_TRY(const auto line, heads_->next());
    if (!line) break;
    const auto head = head_of(*line);
    const bool good = head && verify(*head, key_);
    if (good && head->size >= checker_.size()) {
      next_head_ = head;
      break;
    }
    checker_.fault(FaultKind::BadHead, checker_.size(),
                   fmt::format("heads, line {}: {}", heads_->number(),
                               good ? "out of order" : "not signed by this key"));
  }
  return {};
}

Status FolderCheck::heads_here() {
  if (latest_ && latest_->size == checker_.size()) checker_.head(*latest_, "latest");
  while (next_head_ && next_head_->size == checker_.size()) {
    checker_.head(*next_head_, "heads");
    XC_CHECK(read_head());
  }
  return {};
}

Status FolderCheck::compare_tree(std::uint64_t leaf, std::uint64_t place,
                                 const std::vector<Digest>& nodes) {
  if (!tree_.is_open() || !checker_.in_order()) return {};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::uint64_t at = (place + i) * sizeof(Digest);
    if (at < tree_block_at_ || at + sizeof(Digest) > tree_block_at_ + tree_block_.size()) {
      XC_TRY(tree_block_, tree_.read(at, kTreeBlockBytes));
      tree_block_at_ = at;
    }
    const std::uint64_t begin = at - tree_block_at_;
    const bool there = begin + sizeof(Digest) <= tree_block_.size();
    if (!there || tree_block_.compare(begin, sizeof(Digest), view_of(nodes[i])) != 0) {
      checker_.tree_differs(leaf, i == 0);
    }
  }
  return {};
}

Status FolderCheck::content(const SegmentReader& reader, const LeafFrame& frame) {
  XC_TRY(const Entry entry, reader.entry(frame));
  if (reader.has_content() && content_at_ && *content_at_ != entry.content_at) {
    checker_.fault(FaultKind::Changed, checker_.at(), "its record is not where it should be");
  }
  content_at_.reset();
  if (entry.content_end > entry.content_at) content_at_ = entry.content_end;
  checker_.entry(entry);
  return {};
}

Status FolderCheck::frame(const SegmentReader& reader, std::string_view bytes) {
  const std::uint64_t place = node_count(checker_.size());
  std::vector<Digest> nodes;
  checker_.leaf(bytes.substr(0, kLeafBytes), expected_end_, &nodes);
  const auto frame = leaf_frame_of(bytes);
  if (!frame) {
    checker_.fault(FaultKind::Changed, checker_.at(), "the frame's checksum is wrong");
    content_at_.reset();
  } else {
    XC_CHECK(content(reader, *frame));
  }
  XC_CHECK(compare_tree(checker_.at(), place, nodes));
  return heads_here();
}

Status FolderCheck::segment(std::uint64_t first) {
  const auto reader = SegmentReader::open(folder_, first);
  if (!reader && reader.error().message != Message::AuditDamaged) {
    return std::unexpected(reader.error());
  }
  if (!reader || reader->head().log != key_.log_id()) {
    checker_.fault(FaultKind::BadFile, first, "the segment's header is not one of this log");
    return {};
  }
  checker_.segment(first, reader->has_content());
  content_at_ = kSegmentHeadBytes;
  for (std::uint64_t n = 0;;) {
    XC_TRY(const std::string bytes, reader->frames_at(n, kFramesAtOnce));
    const std::size_t whole = bytes.size() / kLeafFrameBytes;
    for (std::size_t i = 0; i < whole; ++i) {
      XC_CHECK(
          frame(*reader, std::string_view(bytes).substr(i * kLeafFrameBytes, kLeafFrameBytes)));
    }
    n += whole;
    if (whole == kFramesAtOnce) continue;
    if (bytes.size() % kLeafFrameBytes != 0) {
      checker_.fault(FaultKind::BadFile, checker_.size(), "half a leaf at the end of the segment");
    }
    break;
  }
  if (!reader->has_content()) return {};
  XC_TRY(const std::uint64_t size, reader->content_size());
  if (content_at_ && *content_at_ != size) {
    checker_.fault(FaultKind::BadFile, checker_.size(), "the content file has another length");
  }
  return {};
}

Status FolderCheck::end() {
  // Heads that cover more than there is.
  if (latest_ && latest_->size > checker_.size()) checker_.head(*latest_, "latest");
  if (!latest_) checker_.fault(FaultKind::BadHead, checker_.size(), "latest: cannot be read");
  if (latest_ && !verify(*latest_, key_)) {
    checker_.fault(FaultKind::BadHead, checker_.size(), "latest: not signed by this key");
  }
  while (next_head_) {
    checker_.head(*next_head_, "heads");
    XC_CHECK(read_head());
  }
  if (heads_ && heads_->rest_bytes() > 0) {
    checker_.fault(FaultKind::BadHead, checker_.size(), "half a line at the end of heads");
  }
  if (!tree_.is_open()) return {};
  XC_TRY(const std::uint64_t size, tree_.size());
  if (checker_.in_order() && size != node_count(checker_.size()) * sizeof(Digest)) {
    checker_.fault(FaultKind::BadFile, checker_.size(), "the tree file has another length");
  }
  return {};
}

Result<Findings> FolderCheck::run() {
  XC_CHECK(start());
  for (const std::uint64_t first : firsts_) XC_CHECK(segment(first));
  XC_CHECK(end());
  auto now = latest_of(folder_);
  // A writer is between its leaves and their head for as long as the disk takes to sync: whether
  // one is there shows when the head moves.
  const auto unsigned_end = [&] {
    return latest_ && now && checker_.size() > latest_->size && now->size <= latest_->size;
  };
  const bool waits = unsigned_end() && is_open_elsewhere(folder_);
  for (int i = 0; waits && i < kHeadLooks && unsigned_end(); ++i) {
    std::this_thread::sleep_for(kHeadLookEvery);
    now = latest_of(folder_);
  }
  const bool live = latest_ && now && now->size > latest_->size && verify(*now, key_);
  return checker_.finish(live, latest_ ? latest_->size : 0);
}

}  // namespace

Result<Findings> verify_folder(const std::string& folder, const VerifyOptions& options) {
  std::optional<PublicKey> key = options.key;
  if (!key) {
    XC_TRY(const File file, File::open(public_key_path(folder), O_RDONLY));
    XC_TRY(const std::string pem, file.read(0, limits::kAuditLineBytesMax));
    XC_TRY(key, PublicKey::from_pem(pem));
  }
  return FolderCheck(folder, *key, options).run();
}

Result<std::vector<SignedHead>> read_witness(const std::string& path) {
  XC_TRY(LineReader lines, LineReader::open(path, limits::kAuditLineBytesMax));
  std::vector<SignedHead> heads;
  for (;;) {
    XC_TRY(const auto line, lines.next());
    if (!line) return heads;
    auto head = head_of(*line);
    if (!head) continue;
    if (heads.size() >= limits::kWitnessHeadsMax) {
      return fail(Code::InvalidRequest, Message::BadAuditFile,
                  {path, std::to_string(lines.number()), "too many heads"});
    }
    heads.push_back(std::move(*head));
  }
}

Result<Findings> verify(const std::string& path, const VerifyOptions& options) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(path, error);
  return folder ? verify_folder(path, options) : verify_export(path, options);
}

}  // namespace xc::audit

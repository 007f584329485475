#include "audit/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "audit/log_parts.h"
#include "audit/text_codes.h"
#include "store/atomic_file.h"

namespace xc::audit {
namespace {

constexpr std::size_t kKeyBytesMax = 4'096;

constexpr std::size_t kRecordRoomMax = 4'096;
thread_local std::string t_room;

// The text of a record in memory that the thread uses again: the queue takes its bytes only.
class Record {
 public:
  template <typename Facts>
  explicit Record(const Facts& facts) : text_(record_of(facts, std::exchange(t_room, {}))) {}
  ~Record() {
    if (text_.capacity() <= kRecordRoomMax) t_room.swap(text_);
  }
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

// Makes the keys of a new log, reads those of an old one.
Result<PrivateKey> key_of(const std::string& folder, Profile profile) {
  const auto pem = store::read_bounded(private_key_path(folder), kKeyBytesMax);
  if (!pem && pem.error().message != Message::FileMissing) return std::unexpected(pem.error());
  if (pem) return PrivateKey::from_pem(*pem);
  XC_TRY(const std::vector<std::uint64_t> segments, segments_of(folder));
  // A new key would sign another's leaves.
  if (!segments.empty()) return std::unexpected(pem.error());
  XC_TRY(PrivateKey key, PrivateKey::make(profile));
  XC_CHECK(store::write_atomically(public_key_path(folder), key.public_key().pem(), 0600));
  XC_CHECK(store::write_atomically(private_key_path(folder), key.pem(), 0600));
  return key;
}

}  // namespace

std::string private_key_path(const std::string& folder) { return folder + "/log.key"; }
std::string public_key_path(const std::string& folder) { return folder + "/log.pub"; }

Log::Log(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Log::~Log() { close(); }
void Log::close() { parts_->stop(); }

Result<std::unique_ptr<Log>> Log::open(LogOptions options, const Clock& clock,
                                       RandomSource& random) {
  if (::mkdir(options.folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Code::Internal, Message::FileError, {options.folder, std::strerror(errno)});
  }
  XC_TRY(store::HomeLock lock, store::HomeLock::take(options.folder + "/lock"));
  XC_TRY(PrivateKey key, key_of(options.folder, options.profile));
  XC_TRY(HeadsFile heads, HeadsFile::open(options.folder, key.public_key()));
  XC_TRY(LogFiles files,
         LogFiles::open({options.folder, key.public_key().profile(), key.public_key().log_id(),
                         options.segment_leaves, options.segment_bytes, options.segment_ms},
                        heads.last(), clock.unix_ms()));
  XC_TRY(File tree, File::open(tree_path(options.folder), O_RDONLY));
  auto parts = std::make_unique<Parts>(std::move(options), clock, random, std::move(lock),
                                       std::move(key), std::move(files), std::move(heads));
  parts->tree = std::move(tree);
  std::unique_ptr<Log> log(new Log(std::move(parts)));
  XC_CHECK(log->parts_->start());
  XC_CHECK(log->parts_->finish_erasure());
  return log;
}

Content Log::content_of(std::string text, std::uint64_t whole_bytes) const {
  Content content;
  content.whole_bytes = whole_bytes;
  if (text.empty()) return content;
  content.piece = parts_->new_piece(std::move(text));
  content.commitment = commitment_of(parts_->profile, content.piece.salt, content.piece.text);
  return content;
}

Result<Ticket> Log::admit(const Admission& admission, Content content, OnCommit on_commit) {
  const Parts::Room room = content.empty() ? Parts::Room::Half : Parts::Room::Quarter;
  const Record record(admission);
  return parts_->append(Kind::Admission, kNoPartner, record.text(), std::move(content),
                        std::move(on_commit), room);
}

Result<Ticket> Log::settle(const Ticket& admission, const Settlement& settlement, Content content,
                           OnCommit on_commit) {
  const Record record(settlement);
  if (!content.empty()) {
    Content left_out;
    left_out.whole_bytes = std::max<std::uint64_t>(content.whole_bytes, content.piece.text.size());
    Result<Ticket> kept = parts_->append(Kind::Settlement, admission.index, record.text(),
                                         std::move(content), on_commit, Parts::Room::Quarter);
    if (kept) return kept;
    content = std::move(left_out);
  }
  return parts_->append(Kind::Settlement, admission.index, record.text(), std::move(content),
                        std::move(on_commit));
}

Result<Ticket> Log::event(std::string record, OnCommit on_commit) {
  return parts_->append(Kind::Event, kNoPartner, record, {}, std::move(on_commit));
}

Result<Ticket> Log::notice(std::string record) {
  return parts_->append(Kind::Event, kNoPartner, record, {}, {}, Parts::Room::Half);
}

Status Log::wait(const Ticket& ticket, Deadline deadline) const {
  return parts_->wait_index(ticket.index, deadline);
}

std::string Log::receipt(const Ticket& ticket) const {
  {
    const std::lock_guard held(parts_->mutex);
    if (parts_->head.size > ticket.index) {
      const fmt::format_int index(ticket.index);
      std::string out = "r1.";
      out.reserve(384);
      out.append(index.data(), index.size()) += '.';
      append_base64(out, view_of(ticket.leaf));
      out += '.';
      out += parts_->head_tail;
      return out;
    }
  }
  Receipt promise{ticket.index, ticket.leaf, parts_->key.public_key().log_id(), std::nullopt, {}};
  promise.mac = promise_mac(parts_->profile, parts_->promise_secret, promise);
  return text_of(promise);
}

bool Log::made_here(const Receipt& promise) const {
  const Salt mac = promise_mac(parts_->profile, parts_->promise_secret, promise);
  unsigned different = 0;  // all bytes are looked at: the time tells nothing
  for (std::size_t i = 0; i < mac.size(); ++i) different |= mac[i] ^ promise.mac[i];
  return different == 0 && promise.log == parts_->key.public_key().log_id();
}

SignedHead Log::head() const {
  const std::lock_guard held(parts_->mutex);
  return parts_->head;
}

const PublicKey& Log::key() const { return parts_->key.public_key(); }
const std::string& Log::folder() const { return parts_->options.folder; }

Log::Stats Log::stats() const {
  const std::lock_guard held(parts_->mutex);
  Stats stats = parts_->stats;
  stats.leaves = parts_->next_index;
  stats.committed = parts_->head.size;
  return stats;
}

Result<Log::Inclusion> Log::prove(std::uint64_t index) const {
  Inclusion proof;
  proof.head = head();
  if (index >= proof.head.size) {
    return fail(Code::NotFound, Message::AuditNoLeaf, {fmt::format("{}", index)});
  }
  const NodeReader read = node_reader(parts_->tree);
  XC_TRY(proof.leaf, read(node_place(0, index)));
  XC_TRY(proof.path, inclusion_proof(parts_->profile, read, index, proof.head.size));
  return proof;
}

Result<std::vector<Digest>> Log::prove_consistency(std::uint64_t first,
                                                   std::uint64_t second) const {
  const std::uint64_t size = parts_->committed_size();
  if (first > second || second > size) {
    return fail(Code::NotFound, Message::AuditNoLeaf,
                {fmt::format("{}", first > second ? first : second)});
  }
  return consistency_proof(parts_->profile, node_reader(parts_->tree), first, second);
}

Result<Digest> Log::root(std::uint64_t size) const {
  if (size > parts_->committed_size()) {
    return fail(Code::NotFound, Message::AuditNoLeaf, {fmt::format("{}", size)});
  }
  return root_at(parts_->profile, node_reader(parts_->tree), size);
}

Result<Entry> Log::read(std::uint64_t index) const { return parts_->read(index); }

Status Log::erase(std::uint64_t index, Body what, std::string_view by, std::string_view reason) {
  return parts_->erase(std::span(&index, 1), what, by, reason);
}

Status Log::erase(std::span<const std::uint64_t> leaves, Body what, std::string_view by,
                  std::string_view reason) {
  return parts_->erase(leaves, what, by, reason);
}

Result<int> Log::expire(std::int64_t before_unix_ms, std::string_view by) {
  return parts_->expire(before_unix_ms, by);
}

}  // namespace xc::audit

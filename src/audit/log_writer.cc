// Group commit: callers put leaves into a queue; one thread writes all that came, syncs, signs.
#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>

#include "audit/log_parts.h"
#include "base/log.h"

namespace xc::audit {
namespace {

std::unexpected<Error> unavailable(std::string detail) {
  return fail(Code::Unavailable, Message::AuditUnavailable, {}, std::move(detail));
}

Status check_length(std::string_view field, std::size_t length, std::size_t most) {
  if (length <= most) return {};
  return fail(Code::TooLarge, Message::BadLength,
              {std::string(field), "0", fmt::format("{}", most), fmt::format("{}", length)});
}

}  // namespace

Salt Log::Parts::new_salt() {
  Salt salt;
  for (std::size_t i = 0; i < salt.size(); i += 8) {
    const std::uint64_t bits = random.next();
    for (std::size_t j = 0; j < 8; ++j) salt[i + j] = static_cast<std::uint8_t>(bits >> (8 * j));
  }
  return salt;
}

Piece Log::Parts::new_piece(std::string text) {
  return Piece{Fate::Kept, new_salt(), std::move(text)};
}

Result<Ticket> Log::Parts::append(Kind kind, std::uint64_t partner, std::string_view record,
                                  Content content, OnCommit on_commit, Room room) {
  const Piece& piece = content.piece;
  std::string longer;
  if (content.whole_bytes > 0) {
    longer = with_content_cut(std::string(record), content.whole_bytes);
    record = longer;
  }
  if (!content.empty()) {
    XC_CHECK(check_length("content", piece.text.size(), limits::kAuditContentBytesMax));
    longer = with_content_hash(std::string(record), content.commitment);
    record = longer;
  }
  XC_CHECK(check_length("record", record.size(), limits::kAuditRecordBytesMax));
  const Salt salt = new_salt();
  NewLeaf fresh;
  fresh.leaf.kind = kind;
  fresh.leaf.partner = partner;
  fresh.leaf.commitment = commitment_of(profile, salt, record);
  const std::size_t bytes =
      sizeof(NewLeaf) + 2 * kContentHeadBytes + record.size() + piece.text.size();
  // Settlements find room where admissions and refusals do not.
  const auto share = static_cast<std::size_t>(room);
  Ticket ticket;
  bool first = false;
  {
    const std::lock_guard held(mutex);
    if (stopping) return unavailable("closed");
    if (next_index - head.size >= limits::kAuditQueueLeaves / share ||
        queue_bytes + bytes > limits::kAuditQueueBytes / share) {
      return unavailable("queue full");
    }
    last_unix_ms = std::max(last_unix_ms, clock.unix_ms());
    fresh.leaf.unix_ms = last_unix_ms;
    fresh.leaf.index = next_index++;
    fresh.hash = leaf_hash(profile, view_of(bytes_of(fresh.leaf)));
    fresh.content_at = queue.contents.size();
    ticket = Ticket{fresh.leaf.index, fresh.hash};
    queue_bytes += bytes;
    ++stats.leaves;
    first = queue.leaves.empty();
    queue.bytes += bytes;
    append_frame(queue.contents, Body::Record, fresh.leaf.index, salt, record);
    if (!content.empty()) {
      append_frame(queue.contents, Body::Content, fresh.leaf.index, piece.salt, piece.text);
    }
    queue.leaves.push_back(fresh);
    queue.on_commit.push_back(std::move(on_commit));
  }
  if (first) wake.notify_one();
  return ticket;
}

void Log::Parts::run() {
  // What wakes on a clock must not interrupt a request that runs: it has its share, never at once.
  const sched_param no_priority{};
  ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &no_priority);
  Batch batch;
  std::unique_lock held(mutex);
  for (;;) {
    const bool idle = queue.leaves.empty();
    if (!wait_for_work(held)) continue;
    if (queue.leaves.empty()) break;
    const SteadyTime due = sync_due(idle);
    while (!stopping && std::chrono::steady_clock::now() < due) wake.wait_until(held, due);
    std::swap(batch, queue);  // empty, with the room of an earlier one
    Status done;
    do {
      held.unlock();
      done = flush(batch);
      held.lock();
      stats.failing = !done.has_value();
    } while (!done && wait_to_retry(held));
    held.unlock();
    committed.notify_all();
    if (!done) done = unavailable("closed before the disk took it");
    tell(batch, done);
    batch.clear();
    held.lock();
    if (!done) break;  // closing with a broken disk
  }
  Batch lost;
  std::swap(lost, queue);
  held.unlock();
  tell(lost, unavailable("closed before the disk took it"));
}

// After a pause the first leaf waits an interval too, as it would in the midst of others: writing
// and signing at once would take the processor from the very request that the leaf admits.
SteadyTime Log::Parts::sync_due(bool after_pause) const {
  const SteadyTime due = last_sync + options.sync_interval;
  const SteadyTime now = std::chrono::steady_clock::now();
  const bool first_ever = last_sync == SteadyTime{};  // a log that cannot write says so at once
  return after_pause && !first_ever && due < now ? now + options.sync_interval : due;
}

// False after a head was kept: the last leaves before a pause are witnessed too, not only those
// that others follow.
bool Log::Parts::wait_for_work(std::unique_lock<std::mutex>& held) {
  const auto work = [this] { return stopping || !queue.leaves.empty(); };
  if (head.size == last_kept_size) {
    wake.wait(held, work);
    return true;
  }
  if (wake.wait_until(held, last_kept_head + options.head_interval, work)) return true;
  const SignedHead newest = head;
  held.unlock();
  keep_head(newest, false);
  held.lock();
  return false;
}

void Log::Parts::tell(Batch& batch, const Status& done) {
  for (const OnCommit& on_commit : batch.on_commit) {
    if (on_commit) on_commit(done);
  }
}

// False when the log closes: the last try failed.
bool Log::Parts::wait_to_retry(std::unique_lock<std::mutex>& held) {
  ++stats.failures;
  if (stopping) return false;
  wake.wait_for(held, limits::kAuditRetryInterval, [this] { return stopping; });
  return true;
}

Status Log::Parts::flush(const Batch& batch) {
  last_sync = std::chrono::steady_clock::now();  // as it begins: the interval holds the writing
  // Not when an earlier try wrote them and could not sign or keep the head.
  if (files.frontier().size() <= batch.leaves.back().leaf.index) {
    if (auto appended = files.append(batch.leaves, batch.contents, clock.unix_ms()); !appended) {
      log::error("audit", "cannot write: {}", text_of(appended.error(), Language::En));
      return appended;
    }
  }
  auto fresh = sign();
  if (!fresh) return std::unexpected(std::move(fresh.error()));
  if (const auto put = heads.put_latest(*fresh); !put) {
    log::error("audit", "cannot write: {}", text_of(put.error(), Language::En));
    return put;
  }
  keep_head(*fresh, false);
  publish(std::move(*fresh), batch.bytes);
  return {};
}

Result<SignedHead> Log::Parts::sign() {
  SignedHead fresh{key.public_key().log_id(),
                   files.frontier().size(),
                   clock.unix_ms(),
                   files.frontier().root(),
                   {}};
  XC_TRY(fresh.signature, key.sign(signed_text(fresh)));
  return fresh;
}

void Log::Parts::publish(SignedHead fresh, std::size_t batch_bytes) {
  std::string tail = text_of(fresh).substr(3);  // without "h1."
  const std::lock_guard held(mutex);
  head = std::move(fresh);
  head_tail = std::move(tail);
  queue_bytes -= batch_bytes;
  ++stats.syncs;
}

// A head that could not be kept is no loss: the next one covers more.
void Log::Parts::keep_head(const SignedHead& fresh, bool at_end) {
  const SteadyTime now = std::chrono::steady_clock::now();
  const bool due = at_end || now - last_kept_head >= options.head_interval;
  if (!due || fresh.size == last_kept_size) return;
  last_kept_head = now;
  last_kept_size = fresh.size;
  if (const auto kept = heads.append(fresh); !kept) {
    log::error("audit", "cannot keep a head: {}", text_of(kept.error(), Language::En));
  }
  if (options.witness) options.witness(fresh);
}

Status Log::Parts::wait_index(std::uint64_t index, Deadline deadline) const {
  std::unique_lock held(mutex);
  const auto ready = [&] { return head.size > index || stopped; };
  if (deadline.is_never()) {
    committed.wait(held, ready);
  } else if (!committed.wait_until(held, deadline.when(), ready)) {
    return fail(Code::Timeout, Message::AuditUnavailable, {}, "deadline");
  }
  if (head.size > index) return {};
  return unavailable("closed");
}

Status Log::Parts::start() {
  if (const auto& last = heads.last()) head = *last;
  next_index = files.frontier().size();
  XC_TRY(last_unix_ms, newest_unix_ms());
  writer = std::thread([this] { run(); });
  const bool fresh = next_index == 0;
  auto begun = append(Kind::Start, kNoPartner,
                      RecordText()
                          .text("program", options.program)
                          .text("profile", name_of(profile))
                          .text("state", fresh ? "new" : "opened")
                          .number("leaves", static_cast<std::int64_t>(next_index))
                          .take(),
                      {}, {});
  if (!begun) return std::unexpected(std::move(begun.error()));
  // A log that cannot write says so at once.
  return wait_index(begun->index, Deadline::after(limits::kAuditRetryInterval * 10));
}

void Log::Parts::stop() {
  {
    const std::lock_guard held(mutex);
    if (stopping) return;
    stopping = true;
  }
  wake.notify_all();
  if (writer.joinable()) writer.join();
  if (head.size > 0) keep_head(head, true);
  if (const auto synced = files.sync_tree(); !synced) {
    log::error("audit", "cannot sync: {}", text_of(synced.error(), Language::En));
  }
  {
    const std::lock_guard held(mutex);
    stopped = true;
  }
  committed.notify_all();
}

}  // namespace xc::audit

// The inside of a Log: shared state under one mutex, files on the writer's thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "audit/heads_file.h"
#include "audit/log.h"
#include "audit/log_files.h"
#include "store/home_lock.h"

namespace xc::audit {

struct Log::Parts {
  Parts(LogOptions given, const Clock& a_clock, RandomSource& a_random, store::HomeLock a_lock,
        PrivateKey a_key, LogFiles some_files, HeadsFile some_heads)
      : options(std::move(given)),
        clock(a_clock),
        random(a_random),
        lock(std::move(a_lock)),
        key(std::move(a_key)),
        profile(key.public_key().profile()),
        promise_secret(key.secret("promise")),
        files(std::move(some_files)),
        heads(std::move(some_heads)) {}

  struct Batch {
    std::vector<NewLeaf> leaves;
    std::string contents;             // as the file has them
    std::vector<OnCommit> on_commit;  // as many as leaves; may be empty functions
    std::size_t bytes = 0;

    // Keeps its room when that is of a usual size.
    void clear() {
      if (leaves.capacity() > limits::kAuditQueueLeaves / 16 ||
          contents.capacity() > limits::kAuditQueueBytes / 16) {
        *this = {};
      }
      leaves.clear();
      contents.clear();
      on_commit.clear();
      bytes = 0;
    }
  };

  const LogOptions options;
  const Clock& clock;
  RandomSource& random;
  const store::HomeLock lock;
  const PrivateKey key;
  const Profile profile;
  const Digest promise_secret;
  File tree;           // for readers
  std::mutex erasing;  // one erasure or expiry at a time

  // Only the writer's thread, once it runs.
  LogFiles files;
  HeadsFile heads;
  SteadyTime last_sync{}, last_kept_head{};
  std::uint64_t last_kept_size = 0;

  mutable std::mutex mutex;
  std::condition_variable wake;               // the writer: leaves came, or stop
  mutable std::condition_variable committed;  // waiters: the head moved, or stopped
  Batch queue;
  std::size_t queue_bytes = 0;  // queued or being written
  std::uint64_t next_index = 0;
  std::int64_t last_unix_ms = 0;  // leaves' times never go back, nor over a restart
  SignedHead head;
  std::string head_tail;  // of signed receipts: LOG.SIZE.TIME.ROOT.SIGNATURE
  Stats stats;
  bool stopping = false, stopped = false;
  std::thread writer;

  Salt new_salt();
  Piece new_piece(std::string text);  // any thread
  // How much of the queue a leaf may fill. Half: what may be refused without breaking a promise.
  // Quarter: what has a content. The value is the divisor.
  enum class Room : std::uint8_t { Whole = 1, Half = 2, Quarter = 4 };
  Result<Ticket> append(Kind kind, std::uint64_t partner, std::string_view record, Content content,
                        OnCommit on_commit, Room room = Room::Whole);
  void run();
  SteadyTime sync_due(bool after_pause) const;
  Status flush(const Batch& batch);
  static void tell(Batch& batch, const Status& done);
  Result<SignedHead> sign();
  void publish(SignedHead signed_head, std::size_t batch_bytes);
  void keep_head(const SignedHead& signed_head, bool at_end);
  bool wait_for_work(std::unique_lock<std::mutex>& held);
  bool wait_to_retry(std::unique_lock<std::mutex>& held);
  Status wait_index(std::uint64_t index, Deadline deadline) const;
  Status start();
  void stop();

  Result<SegmentReader> segment_with(std::uint64_t index) const;
  // The time of the newest leaf on disk; 0 when there is none that can be read.
  Result<std::int64_t> newest_unix_ms() const;
  Result<Entry> read(std::uint64_t index) const;
  std::uint64_t committed_size() const;
  Status overwrite(std::span<const std::uint64_t> leaves, Body what) const;
  Status erase(std::span<const std::uint64_t> leaves, Body what, std::string_view by,
               std::string_view reason);
  Status finish_erasure();
  Result<int> expire(std::int64_t before_unix_ms, std::string_view by);
};

}  // namespace xc::audit

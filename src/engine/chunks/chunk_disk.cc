#include "engine/chunks/chunk_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/limits.h"
#include "base/log.h"
#include "engine/chunks/chunk_file.h"

namespace xc::engine {
namespace {

// Other processes write too: after this part of the budget the folder is listed again.
constexpr std::uint64_t kScanPart = 16;

constexpr std::int64_t micros(std::chrono::seconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

ChunkDisk::ChunkDisk(ChunkDiskOptions options, const Clock& clock, RandomSource& random,
                     ChunkFiles& files, TenantKeys& keys, ChunkCounters& counters)
    : options_(std::move(options)),
      clock_(clock),
      random_(random),
      files_(files),
      keys_(keys),
      counters_(counters) {}

std::uint64_t ChunkDisk::file_bytes(const ChunkLink& link) const {
  const auto entry = index_.find(link.key);
  return entry && entry->space == link.space->id ? entry->bytes : 0;
}

bool ChunkDisk::use(const ChunkLink& link) {
  return index_.use(link.key, now_us(), micros(limits::kChunkTouchEvery));
}

std::string ChunkDisk::path_of(const ChunkLink& link) const {
  return chunk_path(options_.folder, link.space->id, link.key);
}

void ChunkDisk::remove(const DiskIndex::Entry& entry) {
  files_.remove(chunk_path(options_.folder, entry.space, entry.key));
  index_.remove(entry.key);
}

void ChunkDisk::make_room(std::uint64_t bytes) {
  while (index_.bytes() + bytes > options_.bytes_max || index_.size() >= limits::kChunkFilesMax) {
    const auto oldest = index_.oldest();
    if (!oldest) return;
    remove(*oldest);
    ++counters_.evicted_disk;
  }
}

// Spaces of tenants that have no secret any more. Their folders were listed before the secrets
// are: a tenant that is new has its secret before its folder.
void ChunkDisk::remove_orphans(ChunkListing& listing) {
  const auto secrets = keys_.all();
  if (!secrets) return;  // cannot tell
  std::set<TenantTag> known;
  for (const Digest& secret : *secrets) known.insert(tag_of(secret));
  const auto orphan = [&known](const Digest& space) {
    return !known.contains(tag_of_space(space));
  };
  for (const Digest& space : listing.spaces) {
    if (orphan(space)) files_.remove_space(options_.folder, space);
  }
  std::erase_if(listing.files, [&](const auto& file) { return orphan(file.space); });
}

void ChunkDisk::scan() {
  written_since_scan_ = 0;  // first, so that a scan that fails is not repeated at once
  scanned_at_ = clock_.now();
  ChunkListing listing = files_.list(options_.folder);
  remove_orphans(listing);
  const std::int64_t old_us = now_us() - micros(limits::kChunkTempAge);
  for (const auto& temporary : listing.temporaries) {
    if (temporary.written_us < old_us) files_.remove(temporary.path);
  }
  std::vector<DiskIndex::Entry> entries;
  entries.reserve(listing.files.size());
  for (const auto& file : listing.files) {
    DiskIndex::Entry entry{file.key, file.space, file.bytes, file.used_us, file.used_us};
    // What this process knows of uses is newer than what it has noted in the file.
    if (const auto known = index_.find(file.key)) {
      entry.used_us = std::max(entry.used_us, known->used_us);
    }
    entries.push_back(entry);
  }
  index_.replace(std::move(entries));
  make_room(0);
}

bool ChunkDisk::scan_due() const {
  return clock_.now() - scanned_at_ >= limits::kChunkRescan ||
         written_since_scan_ > options_.bytes_max / kScanPart;
}

ChunkRef ChunkDisk::load(const ChunkLink& link, ByteHold hold) {
  const std::uint64_t bytes = file_bytes(link);
  if (bytes == 0) {  // evicted since it was asked for
    ++counters_.vanished;
    return nullptr;
  }
  const std::string path = path_of(link);
  KvBytes file;
  const int failure = files_.read(path, bytes, file);
  if (failure == ENOENT) {
    index_.remove(link.key);
    ++counters_.vanished;
    return nullptr;
  }
  // A file of the wrong kind or size is a bad file; any other failure may pass.
  if (failure != 0 && failure != EFBIG && failure != EINVAL && failure != ELOOP) {
    ++counters_.read_failures;
    return nullptr;
  }
  auto chunk = failure == 0 ? open_chunk(std::move(file), link, std::move(hold))
                            : fail_internal("chunk file: not a file of ours");
  if (!chunk) {
    log::warn("chunks", "{} deleted: {}", path, chunk.error().detail);
    files_.remove(path);
    index_.remove(link.key);
    ++counters_.rejected;
    return nullptr;
  }
  ++counters_.hits_disk;
  if (use(link)) touch(link.key);
  return *std::move(chunk);
}

void ChunkDisk::begin_pause() {
  ++counters_.write_failures;
  pause_ =
      pause_.count() == 0 ? limits::kChunkPauseFirst : std::min(2 * pause_, limits::kChunkPauseMax);
  paused_until_ = clock_.now() + pause_;
}

std::string ChunkDisk::unique_name() {
  const std::uint64_t bits = random_.next();
  std::array<std::uint8_t, sizeof(bits)> bytes{};
  std::memcpy(bytes.data(), &bits, sizeof(bits));
  return hex_of(bytes);
}

bool ChunkDisk::write(const Chunk& chunk) {
  const std::string path = path_of(chunk.link());
  Nonce nonce{};
  for (std::size_t at = 0; at < nonce.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t bits = random_.next();
    std::memcpy(nonce.data() + at, &bits, sizeof(bits));
  }
  const auto file = seal_chunk(chunk, options_.cipher, nonce);
  const int failure = file ? files_.write(path, bytes_of(*file), unique_name(), now_us()) : ENOTSUP;
  // Its folder went away in between: another worker erases the tenant.
  if (failure == ENOENT) return false;
  if (failure != 0) {
    begin_pause();
    log::warn("chunks", "writing {} failed ({}), pausing for {} s", path, std::strerror(failure),
              pause_.count());
    return false;
  }
  pause_ = std::chrono::seconds(0);
  return true;
}

void ChunkDisk::store(const Chunk& chunk) {
  const ChunkLink& link = chunk.link();
  if (file_bytes(link) != 0) return;
  const std::uint64_t bytes = chunk_file_bytes(options_.cipher, chunk.payload().size());
  const auto known = [&] { index_.add({link.key, link.space->id, bytes, now_us(), now_us()}); };
  const std::string path = path_of(link);
  if (files_.size_of(path) == bytes) {  // another worker was first
    make_room(bytes);
    return known();
  }
  // 0: unknown; then the write itself will tell.
  const std::uint64_t free = files_.free_bytes(options_.folder);
  const bool scarce = free != 0 && free < options_.reserve_bytes + bytes;
  if (paused() || bytes > options_.bytes_max || scarce ||
      !keys_.holds(link.space->tenant, link.space->secret)) {
    ++counters_.dropped_writes;
    return;
  }
  make_room(bytes);
  if (!write(chunk)) {
    ++counters_.dropped_writes;
    return;
  }
  // Erased while we wrote? Whoever erases deletes the secret first and the files afterwards, so
  // either we see it here or they see our file.
  if (!keys_.holds(link.space->tenant, link.space->secret)) {
    files_.remove(path);
    ++counters_.dropped_writes;
    return;
  }
  known();
  ++counters_.written;
  written_since_scan_ += bytes;
}

void ChunkDisk::touch(const Digest& key) {
  const auto entry = index_.find(key);
  if (entry) files_.touch(chunk_path(options_.folder, entry->space, key), entry->used_us);
}

Result<std::optional<TenantTag>> ChunkDisk::erase_tenant(const std::string& tenant) {
  XC_TRY(const auto secret, keys_.erase(tenant));
  if (!secret) return std::nullopt;
  const TenantTag tag = tag_of(*secret);
  scan();  // its spaces are orphans now
  return tag;
}

}  // namespace xc::engine

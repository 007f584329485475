#include "engine/chunks/chunk_store.h"

#include <algorithm>
#include <filesystem>

#include "base/assert.h"

namespace xc::engine {
namespace {

constexpr std::chrono::seconds kListPatience{2};

bool keeps_files(const ChunkStoreOptions& options) {
  return !options.folder.empty() && options.disk_bytes_max > 0;
}

}  // namespace

ChunkStore::ChunkStore(ChunkStoreOptions options, const Clock& clock, RandomSource& random)
    : options_(std::move(options)),
      clock_(clock),
      opened_at_(clock.now()),
      keys_(keeps_files(options_) ? options_.folder + "/keys" : std::string(), random),
      ram_(options_.ram_bytes_max) {}

Result<std::unique_ptr<ChunkStore>> ChunkStore::open(ChunkStoreOptions options, const Clock& clock,
                                                     RandomSource& random,
                                                     std::function<void()> wake,
                                                     ChunkFiles* files) {
  if (!available(options.cipher)) {
    return fail(Code::Internal, Message::BadSetting, {"cipher", "sm4", "OpenSSL"});
  }
  auto store = std::unique_ptr<ChunkStore>(new ChunkStore(std::move(options), clock, random));
  const ChunkStoreOptions& set = store->options_;
  if (!keeps_files(set)) return store;
  std::error_code failed;
  std::filesystem::create_directories(set.folder, failed);
  if (failed) return fail(Code::Internal, Message::FileError, {set.folder, failed.message()});
  if (files == nullptr) {
    store->own_files_ = std::make_unique<ChunkFiles>();
    files = store->own_files_.get();
  }
  store->disk_ = std::make_unique<ChunkDisk>(
      ChunkDiskOptions{set.folder, set.disk_bytes_max, set.disk_reserve_bytes, set.cipher}, clock,
      random, *files, store->keys_, store->counters_);
  // Chunks that wait for the disk are pinned: never more than half of the memory.
  store->courier_ = std::make_unique<ChunkCourier>(
      *store->disk_, std::min(limits::kChunkWriteBytesMax, set.ram_bytes_max / 2), std::move(wake),
      store->counters_);
  return store;
}

Result<ChunkSpaceRef> ChunkStore::open_space(const ChunkIdentity& identity,
                                             const std::string& tenant) {
  XC_TRY(const Digest secret, keys_.open(tenant));
  return make_space(identity, tenant, secret);
}

bool ChunkStore::will_be_ready() const {
  return !ready() && clock_.now() - opened_at_ < kListPatience;
}

ChunkState ChunkStore::state(const ChunkLink& link) const {
  if (erased(*link.space)) return ChunkState::Absent;
  if (ram_.find(link)) return ChunkState::Ram;
  return disk_ && disk_->file_bytes(link) != 0 ? ChunkState::Disk : ChunkState::Absent;
}

ChunkCoverage ChunkStore::covered(const ChunkChain& chain) const {
  ChunkCoverage coverage;
  for (; coverage.known < chain.size(); ++coverage.known) {
    const ChunkState found = state(chain[coverage.known]);
    if (found == ChunkState::Absent) break;
    if (found == ChunkState::Ram && coverage.ram == coverage.known) ++coverage.ram;
  }
  return coverage;
}

void ChunkStore::use(const ChunkChain& chain, std::size_t end) {
  for (std::size_t i = end; i-- > 0;) {
    ram_.use(chain[i].key);
    if (disk_ && disk_->use(chain[i])) courier_->touch(chain[i].key);
  }
}

bool ChunkStore::make_room(std::uint64_t bytes) {
  std::uint64_t evicted = 0;
  const bool made = ram_.make_room(bytes, evicted);
  counters_.evicted_ram += evicted;
  count_ram();
  return made;
}

std::vector<ChunkRef> ChunkStore::get(const ChunkChain& chain, std::size_t first, std::size_t end) {
  std::vector<ChunkRef> chunks;
  if (erased(*chain.space())) return chunks;
  end = std::min(end, chain.size());
  for (std::size_t i = first; i < end; ++i) {
    ChunkRef chunk = ram_.find(chain[i]);
    if (!chunk) break;
    save(chunk);  // should an earlier write have been dropped
    chunks.push_back(std::move(chunk));
  }
  use(chain, std::min(end, first + chunks.size()));
  counters_.hits_ram += chunks.size();
  return chunks;
}

bool ChunkStore::add_want(const ChunkLink& link, ChunkCourier::Load& load) {
  ChunkCourier::Want want{link, ram_.find(link), {}};
  if (!want.ready && !loading_.contains(link.key)) {
    const std::uint64_t bytes = disk_->file_bytes(link);
    if (bytes == 0) return false;
    if (!make_room(bytes)) {
      ++counters_.dropped_requests;
      return false;
    }
    want.hold = ram_.hold(bytes);
  }
  load.wants.push_back(std::move(want));
  return true;
}

bool ChunkStore::request(const ChunkChain& chain, std::size_t first, std::size_t end, Done done) {
  if (!disk_ || erased(*chain.space())) return false;
  end = std::min(end, chain.size());
  use(chain, end);  // or making room for its end would evict its beginning
  ChunkCourier::Load load;
  load.id = next_id_++;
  for (std::size_t i = first; i < end && add_want(chain[i], load); ++i) {
  }
  std::vector<Digest> keys;
  std::size_t ready = 0;
  for (const auto& want : load.wants) {
    if (want.ready) ++ready;
    if (!want.ready) keys.push_back(want.link.key);
  }
  if (keys.empty()) return false;
  const std::uint64_t id = load.id;
  if (!courier_->load(std::move(load))) {
    ++counters_.dropped_requests;
    return false;
  }
  counters_.hits_ram += ready;
  loading_.insert(keys.begin(), keys.end());
  loads_[id] = std::move(done);
  return true;
}

void ChunkStore::mark_erased(const TenantTag& tag) {
  // Old tags matter to requests that still run; nobody else can name these chunks any more.
  if (erased_.size() >= limits::kChunkTenantsMax) erased_.clear();
  erased_.insert(tag);
}

void ChunkStore::poll() {
  if (!courier_) return;
  for (auto& outcome : courier_->take()) {
    if (auto erasure = erasures_.extract(outcome.id)) {
      // Requests that were running may have put more of the tenant's chunks meanwhile.
      ram_.remove_tenant(erasing_.extract(outcome.id).mapped());
      if (outcome.tag) mark_erased(*outcome.tag);
      count_ram();
      if (erasure.mapped()) erasure.mapped()(outcome.erased);
      continue;
    }
    for (const Digest& key : outcome.asked) loading_.erase(key);
    auto load = loads_.extract(outcome.id);
    XC_ASSERT(load);
    std::vector<ChunkRef> chunks;
    for (ChunkRef& chunk : outcome.chunks) {
      if (erased(*chunk->link().space)) break;
      chunks.push_back(ram_.add(std::move(chunk)));
    }
    count_ram();
    if (load.mapped()) load.mapped()(std::move(chunks));
  }
}

void ChunkStore::save(const ChunkRef& chunk) {
  if (!disk_ || disk_->file_bytes(chunk->link()) != 0) return;
  if (!courier_->write(chunk)) ++counters_.dropped_writes;
}

void ChunkStore::put(const ChunkChain& chain, std::size_t i, KvBytes bytes) {
  const ChunkLink& link = chain[i];
  if (erased(*link.space) || bytes.empty() || bytes.size() > limits::kChunkBytesMax) return;
  use(chain, i + 1);
  if (const ChunkRef known = ram_.find(link)) return save(known);
  if (!disk_ || disk_->file_bytes(link) == 0) ++counters_.misses;
  bytes.shrink_to_fit();
  if (!make_room(bytes.size())) {
    ++counters_.dropped_puts;
    return;
  }
  const std::size_t size = bytes.size();
  ByteHold hold = ram_.hold(bytes.capacity());
  auto chunk = std::make_shared<const Chunk>(link, std::move(bytes), 0, size, std::move(hold));
  save(ram_.add(std::move(chunk)));
  use(chain, i + 1);  // its ancestors stay younger than it
  count_ram();
}

void ChunkStore::erase_tenant(const std::string& tenant, std::function<void(bool)> done) {
  ram_.remove_tenant(tenant);
  count_ram();
  if (!courier_) {
    const auto secret = keys_.erase(tenant);
    if (secret && *secret) mark_erased(tag_of(**secret));
    if (done) done(secret.has_value());
    return;
  }
  const std::uint64_t id = next_id_++;
  erasures_[id] = std::move(done);
  erasing_[id] = tenant;
  courier_->erase(id, tenant);
}

ChunkStats ChunkStore::stats() const {
  ChunkStats stats;
  stats.ram_bytes = ram_.bytes();
  stats.ram_chunks = counters_.ram_chunks;
  if (disk_) {
    stats.disk_bytes = disk_->index().bytes();
    stats.disk_chunks = disk_->index().size();
  }
  stats.hits_ram = counters_.hits_ram;
  stats.hits_disk = counters_.hits_disk;
  stats.misses = counters_.misses;
  stats.written = counters_.written;
  stats.rejected = counters_.rejected;
  stats.vanished = counters_.vanished;
  stats.read_failures = counters_.read_failures;
  stats.write_failures = counters_.write_failures;
  stats.dropped_writes = counters_.dropped_writes;
  stats.dropped_puts = counters_.dropped_puts;
  stats.dropped_requests = counters_.dropped_requests;
  stats.evicted_ram = counters_.evicted_ram;
  stats.evicted_disk = counters_.evicted_disk;
  return stats;
}

}  // namespace xc::engine

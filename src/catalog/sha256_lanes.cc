#include "catalog/sha256_lanes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace xc::catalog {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kLanes = 8;
constexpr std::size_t kBlockBytes = 64;
constexpr std::size_t kStepBlocks = 1024;  // between two calls of progress

using Words = std::uint32_t __attribute__((vector_size(4 * kLanes)));
using Bytes = std::uint8_t __attribute__((vector_size(4 * kLanes)));

constexpr std::array<std::uint32_t, 8> kStart{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr std::array<std::uint32_t, 64> kRounds{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#if defined(__x86_64__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer) && !__has_feature(memory_sanitizer)
#define XC_LANE_CLONES __attribute__((target_clones("avx512vl", "avx2", "default")))
#else
#define XC_LANE_CLONES
#endif
#define XC_LANE_INLINE __attribute__((always_inline)) inline

// The eight lanes' words 4t … as row t: an 8 x 8 transposition, bytes turned round.
XC_LANE_INLINE void load_words(const unsigned char* const* data, std::size_t offset, Words* out) {
  Words r[8], p[8], q[8];
  for (std::size_t lane = 0; lane < 8; ++lane) {
    Bytes bytes;
    std::memcpy(&bytes, data[lane] + offset, sizeof bytes);
    bytes =
        __builtin_shufflevector(bytes, bytes, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12,
                                19, 18, 17, 16, 23, 22, 21, 20, 27, 26, 25, 24, 31, 30, 29, 28);
    std::memcpy(&r[lane], &bytes, sizeof bytes);
  }
  for (std::size_t i = 0; i < 8; i += 2) {
    p[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    p[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (std::size_t i = 0; i < 8; i += 4) {
    q[i] = __builtin_shufflevector(p[i], p[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    q[i + 1] = __builtin_shufflevector(p[i], p[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    q[i + 2] = __builtin_shufflevector(p[i + 1], p[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    q[i + 3] = __builtin_shufflevector(p[i + 1], p[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    out[i] = __builtin_shufflevector(q[i], q[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    out[i + 4] = __builtin_shufflevector(q[i], q[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

template <int kBits>
XC_LANE_INLINE void turn(const Words& in, Words& out) {
  out = (in >> kBits) | (in << (32 - kBits));
}

XC_LANE_INLINE void one_block(Words* state, const unsigned char* const* data, std::size_t offset) {
  Words w[16], s[8], x, y, z;
  load_words(data, offset, w);
  load_words(data, offset + 32, w + 8);
  for (int i = 0; i < 8; ++i) s[i] = state[i];
#pragma clang loop unroll(full)
  for (int t = 0; t < 64; ++t) {
    Words& a = s[(64 - t) & 7];  // the eight names move by one each round
    Words& b = s[(65 - t) & 7];
    Words& c = s[(66 - t) & 7];
    Words& d = s[(67 - t) & 7];
    Words& e = s[(68 - t) & 7];
    Words& f = s[(69 - t) & 7];
    Words& g = s[(70 - t) & 7];
    Words& h = s[(71 - t) & 7];
    if (t >= 16) {
      const Words& w15 = w[(t + 1) & 15];
      const Words& w2 = w[(t + 14) & 15];
      turn<7>(w15, x), turn<18>(w15, y);
      w[t & 15] += (x ^ y ^ (w15 >> 3)) + w[(t + 9) & 15];
      turn<17>(w2, x), turn<19>(w2, y);
      w[t & 15] += x ^ y ^ (w2 >> 10);
    }
    turn<6>(e, x), turn<11>(e, y), turn<25>(e, z);
    h += (x ^ y ^ z) + ((e & f) ^ (~e & g)) + kRounds[static_cast<std::size_t>(t)] + w[t & 15];
    d += h;
    turn<2>(a, x), turn<13>(a, y), turn<22>(a, z);
    h += (x ^ y ^ z) + ((a & b) ^ (a & c) ^ (b & c));
  }
  for (int i = 0; i < 8; ++i) state[i] += s[i];
}

// state[i]: word i of each lane's digest so far.
XC_LANE_CLONES void compress(Words* state, const unsigned char* const* data, std::size_t blocks) {
  for (std::size_t i = 0; i < blocks; ++i) one_block(state, data, i * kBlockBytes);
}

// One range on its way through a lane: its whole blocks, then one or two with the padding.
struct Lane {
  bool busy = false;
  std::size_t range = 0;
  const unsigned char* data = nullptr;
  std::uint64_t blocks = 0;
  bool in_tail = false;
  std::array<unsigned char, 2 * kBlockBytes> tail{};
  std::uint64_t tail_blocks = 0;
};

class Hasher {
 public:
  explicit Hasher(const std::vector<std::string_view>& ranges)
      : ranges_(ranges), digests_(ranges.size()), idle_(kStepBlocks * kBlockBytes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) start(lane);
  }

  // Some blocks of every busy lane: how many bytes. 0 at the end.
  std::uint64_t step() {
    std::uint64_t blocks = kStepBlocks;
    std::size_t busy = 0;
    for (const Lane& lane : lanes_) {
      if (lane.busy) blocks = std::min(blocks, lane.blocks), ++busy;
    }
    if (busy == 0) return 0;
    std::array<const unsigned char*, kLanes> data{};
    for (std::size_t i = 0; i < kLanes; ++i)
      data[i] = lanes_[i].busy ? lanes_[i].data : idle_.data();
    compress(state_.data(), data.data(), blocks);
    for (std::size_t i = 0; i < kLanes; ++i) {
      if (lanes_[i].busy) move_on(i, blocks);
    }
    return blocks * kBlockBytes * busy;
  }
  std::vector<std::string> digests() && { return std::move(digests_); }

 private:
  void start(std::size_t i) {
    Lane& lane = lanes_[i];
    lane = Lane{};
    if (next_ == ranges_.size()) return;
    lane.busy = true;
    lane.range = next_++;
    const std::string_view bytes = ranges_[lane.range];
    lane.data = reinterpret_cast<const unsigned char*>(bytes.data());
    lane.blocks = bytes.size() / kBlockBytes;
    const std::size_t rest = bytes.size() % kBlockBytes;
    if (rest != 0) std::memcpy(lane.tail.data(), bytes.data() + (bytes.size() - rest), rest);
    lane.tail[rest] = 0x80;
    lane.tail_blocks = rest + 9 <= kBlockBytes ? 1 : 2;
    const std::uint64_t bits = bytes.size() * 8;
    for (std::size_t k = 0; k < 8; ++k) {
      lane.tail[lane.tail_blocks * kBlockBytes - 1 - k] =
          static_cast<unsigned char>(bits >> (8 * k));
    }
    for (std::size_t word = 0; word < 8; ++word) state_[word][i] = kStart[word];
    if (lane.blocks == 0) enter_tail(lane);
  }
  static void enter_tail(Lane& lane) {
    lane.in_tail = true;
    lane.data = lane.tail.data();
    lane.blocks = lane.tail_blocks;
  }
  void move_on(std::size_t i, std::uint64_t blocks) {
    Lane& lane = lanes_[i];
    lane.data += blocks * kBlockBytes;
    lane.blocks -= blocks;
    if (lane.blocks != 0) return;
    if (!lane.in_tail) return enter_tail(lane);
    for (std::size_t word = 0; word < 8; ++word) {
      digests_[lane.range] += fmt::format("{:08x}", static_cast<std::uint32_t>(state_[word][i]));
    }
    start(i);
  }

  const std::vector<std::string_view>& ranges_;
  std::vector<std::string> digests_;
  std::vector<unsigned char> idle_;  // what lanes without a range chew
  std::array<Lane, kLanes> lanes_;
  std::array<Words, 8> state_{};
  std::size_t next_ = 0;
};

}  // namespace

std::size_t lanes_pay_from() {
#if defined(__x86_64__)
  constexpr unsigned kShaBit = 1u << 29;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & kShaBit) != 0) return SIZE_MAX;
  // Measured against OpenSSL's one stream: see docs/decisions/0010-convert.md.
  if (__builtin_cpu_supports("avx512vl")) return 3;
  if (__builtin_cpu_supports("avx2")) return 6;
#endif
  return SIZE_MAX;  // Arm servers have SHA instructions
}

Result<std::vector<std::string>> sha256_of_all(
    const std::vector<std::string_view>& ranges,
    const std::function<bool(std::uint64_t bytes)>& progress) {
  Hasher hasher(ranges);
  std::uint64_t total = 0, told = 0;  // padding is no progress
  for (const std::string_view range : ranges) total += range.size();
  while (const std::uint64_t bytes = hasher.step()) {
    const std::uint64_t step = std::min(bytes, total - told);
    told += step;
    if (progress && step != 0 && !progress(step)) {
      return fail(Code::Cancelled, Message::Cancelled, {"sha256"});
    }
  }
  return std::move(hasher).digests();
}

}  // namespace xc::catalog

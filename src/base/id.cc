#include "base/id.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace xc {
namespace {

constexpr std::string_view kAlphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct Buffer {
  std::array<std::uint64_t, 64> words{};
  std::size_t used = 64;
};
thread_local Buffer t_buffer;

}  // namespace

std::uint64_t SystemRandom::next() {
  Buffer& b = t_buffer;
  if (b.used == b.words.size()) {
    const auto bytes = static_cast<ssize_t>(sizeof(b.words));  // ≤ 256 would be atomic; loop below
    auto* at = reinterpret_cast<char*>(b.words.data());
    for (ssize_t got = 0; got < bytes;) {
      const ssize_t n = getrandom(at + got, static_cast<std::size_t>(bytes - got), 0);
      XC_ASSERT(n > 0);
      got += n;
    }
    b.used = 0;
  }
  const std::uint64_t word = b.words[b.used];
  b.words[b.used++] = 0;  // a used word never stays in memory: keys come from here
  return word;
}

// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014).
std::uint64_t SeededRandom::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::string make_id(RandomSource& random, std::string_view prefix, std::size_t length) {
  std::string id(prefix.size() + length, '\0');
  char* at = std::ranges::copy(prefix, id.data()).out;
  char* const end = id.data() + id.size();
  std::uint64_t bits = 0;
  int left = 0;
  while (at != end) {
    if (left == 0) {
      bits = random.next();
      left = 10;
    }
    const auto six = static_cast<std::size_t>(bits & 63);
    bits >>= 6;
    --left;
    if (six < kAlphabet.size()) *at++ = kAlphabet[six];  // reject 62, 63: no bias
  }
  return id;
}

}  // namespace xc

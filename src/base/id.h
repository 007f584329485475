// Random identifiers. The source of randomness is injected so that tests repeat.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace xc {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual std::uint64_t next() = 0;  // 64 uniform bits; thread-safe
};

// From the kernel (getrandom), buffered per thread. Good enough for keys.
class SystemRandom final : public RandomSource {
 public:
  std::uint64_t next() override;
};

// splitmix64 from a seed, for tests. Not thread-safe.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

// prefix + `length` characters of [0-9A-Za-z], about 5.95 bits each.
std::string make_id(RandomSource& random, std::string_view prefix, std::size_t length = 24);

}  // namespace xc

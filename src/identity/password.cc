#include "identity/password.h"

#include <argon2.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "base/limits.h"

namespace xc::identity {
namespace {

// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
constexpr std::uint32_t kPasses = 2;
constexpr std::uint32_t kKibibytes = 19'456;
constexpr std::uint32_t kLanes = 1;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

}  // namespace

Result<std::string> hash_password(std::string_view password, RandomSource& random) {
  if (password.size() < limits::kPasswordBytesMin || password.size() > limits::kPasswordBytesMax) {
    return fail_field("password", Message::BadLength,
                      {"password", std::to_string(limits::kPasswordBytesMin),
                       std::to_string(limits::kPasswordBytesMax), std::to_string(password.size())});
  }
  const std::array<std::uint64_t, kSaltBytes / 8> salt{random.next(), random.next()};
  std::string encoded(
      argon2_encodedlen(kPasses, kKibibytes, kLanes, kSaltBytes, kHashBytes, Argon2_id), '\0');
  const int failed =
      argon2id_hash_encoded(kPasses, kKibibytes, kLanes, password.data(), password.size(),
                            salt.data(), kSaltBytes, kHashBytes, encoded.data(), encoded.size());
  if (failed != ARGON2_OK) return fail_internal(argon2_error_message(failed));
  encoded.resize(std::strlen(encoded.c_str()));
  return encoded;
}

bool password_matches(const std::string& encoded, std::string_view password) {
  if (password.size() > limits::kPasswordBytesMax) return false;
  return argon2id_verify(encoded.c_str(), password.data(), password.size()) == ARGON2_OK;
}

const std::string& nobodys_hash() {
  // A salt and a hash of zeros: no password is known for it, nor can one be found.
  static const std::string hash =
      "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  return hash;
}

}  // namespace xc::identity

#include "catalog/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace xc::catalog {
namespace {

constexpr std::size_t kReadBytes = 1u << 20;
constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(md); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  XC_ASSERT(context_->md != nullptr);
  XC_ASSERT(EVP_DigestInit_ex(context_->md, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  XC_ASSERT(EVP_DigestUpdate(context_->md, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  XC_ASSERT(EVP_DigestFinal_ex(context_->md, digest.data(), &length) == 1);
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) {
    hex += kHexDigits[digest[i] >> 4];
    hex += kHexDigits[digest[i] & 15];
  }
  return hex;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of(kHexDigits) == std::string_view::npos;
}

Result<std::string> sha256_of(const File& file,
                              const std::function<bool(std::uint64_t done)>& progress) {
  Sha256 digest;
  std::string buffer(kReadBytes, '\0');
  for (std::uint64_t done = 0;;) {
    XC_TRY(const std::size_t got, file.read_at(done, buffer.data(), buffer.size()));
    if (got == 0) return digest.finish();
    digest.add(std::string_view(buffer).substr(0, got));
    done += got;
    if (progress && !progress(done)) {
      return fail(Code::Cancelled, Message::Cancelled, {file.path()});
    }
  }
}

}  // namespace xc::catalog

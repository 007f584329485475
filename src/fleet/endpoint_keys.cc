#include "fleet/endpoint_keys.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/descriptor.h"
#include "base/log.h"
#include "crypto/hex.h"
#include "crypto/sealed_text.h"
#include "store/atomic_file.h"

namespace xc::fleet {
namespace {

constexpr std::size_t kFileBytesMax = 128;  // 64 digits and a line's end

std::unexpected<Error> bad(const std::string& path, std::string why) {
  return fail(Code::Internal, Message::MasterKeyBad, {path, std::move(why)});
}

template <typename Bytes>
Bytes random_of(RandomSource& random) {
  Bytes bytes{};
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t bits = random.next();
    std::memcpy(bytes.data() + at, &bits, std::min(sizeof(bits), bytes.size() - at));
  }
  return bytes;
}

Result<crypto::Digest> read_master(const std::string& path) {
  Result<std::string> text = store::read_bounded(path, kFileBytesMax);
  if (!text) return bad(path, text_of(text.error(), Language::En));
  while (!text->empty() && std::strchr("\r\n ", text->back()) != nullptr) text->pop_back();
  const std::optional<crypto::Digest> master = crypto::digest_of_hex(*text);
  if (!master) return bad(path, "not 64 hexadecimal digits");
  return *master;
}

// Whoever links first wins, so that two gateways that start at once end up with one key.
Status make_master(const std::string& path, RandomSource& random) {
  const std::string aside = fmt::format("{}.{:016x}", path, random.next());
  XC_CHECK(store::write_atomically(aside, crypto::hex_of(random_of<crypto::Digest>(random)) + "\n",
                                   0600));
  const bool linked = ::link(aside.c_str(), path.c_str()) == 0;
  const int failure = errno;
  ::unlink(aside.c_str());
  if (!linked && failure != EEXIST) return bad(path, std::strerror(failure));
  if (linked) log::info("fleet", "made the master key {}: keep a copy of it", path);
  return {};
}

// The endpoint and where it is: parts of unlike lengths cannot be taken for one another.
std::string context_of(std::string_view endpoint, std::string_view url) {
  return fmt::format("endpoint key\n{}\n{}", endpoint, url);
}

}  // namespace

Result<MasterKeyFacts> look_at_master_key(const std::string& path) {
  MasterKeyFacts facts;
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return facts;
    return bad(path, std::strerror(errno));
  }
  facts = {true, (found.st_mode & 077) != 0, found.st_mode & 07777};
  XC_TRY(const crypto::Digest master, read_master(path));
  static_cast<void>(master);
  return facts;
}

Result<EndpointKeys> EndpointKeys::open(const std::string& path, RandomSource& random) {
  XC_TRY(MasterKeyFacts facts, look_at_master_key(path));
  if (!facts.exists) XC_CHECK(make_master(path, random));
  XC_TRY(const crypto::Digest master, read_master(path));
  if (facts.open_to_others) {
    log::warn("fleet", "others may read the master key {} (mode {:o}); run chmod 600 {}", path,
              facts.mode, path);
  }
  return EndpointKeys(path, master, random);
}

EndpointKeys::EndpointKeys(RandomSource& random)
    : EndpointKeys("(memory)", random_of<crypto::Digest>(random), random) {}

EndpointKeys::EndpointKeys(std::string path, const crypto::Digest& master, RandomSource& random)
    : path_(std::move(path)), key_(crypto::derive(master, "endpoint keys")), random_(&random) {}

bool EndpointKeys::is_clear(std::string_view kept) {
  return !kept.empty() && !crypto::is_sealed(kept);
}

Result<std::string> EndpointKeys::seal(std::string_view endpoint, std::string_view url,
                                       std::string_view key) const {
  if (key.empty()) return std::string();
  const auto nonce = random_of<crypto::GcmNonce>(*random_);
  std::optional<std::string> sealed =
      crypto::seal_text(key_, nonce, context_of(endpoint, url), key);
  if (!sealed) return fail_internal("the cipher failed");
  return std::move(*sealed);
}

Result<std::string> EndpointKeys::unseal(std::string_view endpoint, std::string_view url,
                                         std::string_view kept) const {
  if (!crypto::is_sealed(kept)) return std::string(kept);
  std::optional<std::string> key = crypto::unseal_text(key_, context_of(endpoint, url), kept);
  if (!key) {
    return fail(Code::Internal, Message::EndpointKeySealed, {std::string(endpoint), path_});
  }
  return std::move(*key);
}

}  // namespace xc::fleet

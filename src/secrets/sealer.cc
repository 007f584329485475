#include "secrets/sealer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "crypto/sealed_text.h"
#include "secrets/random_bytes.h"

namespace xc::secrets {

Sealer::Sealer(const Kind& kind, const std::vector<crypto::Digest>& masters, std::string path,
               RandomSource& random)
    : label_(kind.label), path_(std::move(path)), random_(&random) {
  XC_ASSERT(!masters.empty());
  std::ranges::transform(masters, std::back_inserter(keys_), [&kind](const crypto::Digest& master) {
    return crypto::derive(master, kind.purpose);
  });
}

std::string Sealer::context_of(const Owner& owner) const {
  std::string context = label_;
  for (const std::string& part : owner) context += "\n" + part;
  return context;
}

Result<std::string> Sealer::seal(const Owner& owner, std::string_view text) const {
  if (text.empty()) return std::string();
  const auto nonce = random_bytes<crypto::GcmNonce>(*random_);
  std::optional<std::string> sealed =
      crypto::seal_text(keys_.front(), nonce, context_of(owner), text);
  if (!sealed) return fail_internal("the cipher failed");
  return std::move(*sealed);
}

std::optional<std::string> Sealer::unseal(const Owner& owner, std::string_view kept) const {
  if (!crypto::is_sealed(kept)) return std::string(kept);
  const std::string context = context_of(owner);
  for (const crypto::Digest& key : keys_) {
    std::optional<std::string> text = crypto::unseal_text(key, context, kept);
    if (text) return text;
  }
  return std::nullopt;
}

bool Sealer::is_current(const Owner& owner, std::string_view kept) const {
  return kept.empty() || crypto::unseal_text(keys_.front(), context_of(owner), kept).has_value();
}

}  // namespace xc::secrets

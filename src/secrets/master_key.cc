#include "secrets/master_key.h"

#include <utility>

#include "base/log.h"
#include "secrets/random_bytes.h"

namespace xc::secrets {

Result<MasterKey> MasterKey::open(const std::string& path, RandomSource& random) {
  XC_TRY(const KeyFileFacts facts, look_at_key_file(path));
  if (!facts.exists) XC_CHECK(make_key_file(path, random));
  XC_TRY(Held held, hold_key_file(path, Hold::Shared));
  XC_TRY(Keys keys, read_keys(path));
  if (facts.open_to_others) {
    log::warn("secrets", "others may read the master key {} (mode {:o}); run chmod 600 {}", path,
              facts.mode, path);
  }
  if (keys.size() > 1) {
    log::warn("secrets", "the rotation of {} is not finished; run xingcha secrets rotate", path);
  }
  return MasterKey(path, std::move(keys), random, std::move(held));
}

Result<MasterKey> MasterKey::look(const std::string& path, RandomSource& random) {
  XC_TRY(Keys keys, read_keys(path));
  return MasterKey(path, std::move(keys), random);
}

MasterKey::MasterKey(RandomSource& random)
    : MasterKey("(memory)", {random_bytes<crypto::Digest>(random)}, random) {}

MasterKey::MasterKey(std::string path, Keys keys, RandomSource& random, Held held)
    : path_(std::move(path)), keys_(std::move(keys)), random_(&random), held_(std::move(held)) {}

Sealer MasterKey::sealer(const Kind& kind) const { return {kind, keys_, path_, *random_}; }

}  // namespace xc::secrets

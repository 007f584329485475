// What is sealed under the master key, and how a start sees to it.
#include "app/wiring.h"
#include "base/log.h"
#include "identity/sealed_columns.h"

namespace xc::app {

std::string master_key_of(const Config& config, const Home& home) {
  return config.master_key.empty() ? home.master_key() : config.master_key;
}

std::vector<secrets::SealedColumn> sealed_columns() {
  return {fleet::endpoint_key_column(), identity::second_factor_column(),
          identity::new_second_factor_column(), identity::shared_key_column()};
}

// What does not open stops nothing but itself: else a lost master key could not be put right.
Status Platform::open_secrets() {
  XC_TRY(master_, secrets::MasterKey::open(master_key_of(config_, here_.home), random_));
  for (const secrets::SealedColumn& column : sealed_columns()) {
    XC_TRY(const secrets::Sealing done, secrets::seal_anew(*database_, *master_, column));
    if (done.sealed > 0) {
      log::info("app", "{}: {} rows are sealed under the master key now", column.kind.purpose,
                done.sealed);
    }
    if (!done.unread.empty()) {
      log::error("app", "{}: the master key {} does not open those of {}", column.kind.purpose,
                 master_->path(), secrets::names_of(done.unread));
    }
  }
  return {};
}

}  // namespace xc::app

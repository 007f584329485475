#include "identity/sealed_columns.h"

namespace xc::identity {

secrets::SealedColumn second_factor_column() {
  return {kSecondFactors,
          "SELECT tenant, name, totp_secret, id FROM users "
          "WHERE totp_secret IS NOT NULL ORDER BY id",
          2,
          "UPDATE users SET totp_secret = :p0 WHERE totp_secret = :p1 AND id = :p2",
          "",
          ""};
}

secrets::SealedColumn new_second_factor_column() {
  return {kSecondFactors,
          "SELECT tenant, name, totp_waiting, id FROM users "
          "WHERE totp_waiting IS NOT NULL ORDER BY id",
          2,
          "UPDATE users SET totp_waiting = :p0 WHERE totp_waiting = :p1 AND id = :p2",
          "",
          ""};
}

secrets::SealedColumn shared_key_column() {
  return {kSharedKeys, "SELECT name, value, name FROM identity_secrets ORDER BY name",
          1,           "UPDATE identity_secrets SET value = :p0 WHERE value = :p1 AND name = :p2",
          "",          "DELETE FROM identity_secrets"};
}

}  // namespace xc::identity

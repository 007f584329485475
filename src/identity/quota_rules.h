// The limits and prices that operators set: kept in the database, in force in the ledger.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "identity/quota_ledger.h"
#include "store/database.h"

namespace xc::identity {

struct Rule {
  Scope scope = Scope::Key;
  std::string name;
  Meter meter = Meter::Requests;
  std::int64_t granted = kNoLimit;  // kNoLimit in set(): takes the rule away
  int alert_percent = kAlertPercent;
};
struct ModelPrice {
  std::string model;
  Price price;
};

// Everything blocks on the database. Thread-safe. The references outlive it.
class QuotaRules {
 public:
  QuotaRules(store::Database& database, QuotaLedger& ledger)
      : database_(database), ledger_(ledger) {}

  // Puts all rules and prices in force, also those that another process wrote, and takes away what
  // it took away. Error: DatabaseError.
  Status load();
  // The same, when the database says that something changed; one short query else.
  Status refresh();
  Result<std::vector<Rule>> list() const;
  // All or none; in force at once. Error: BadLength (a name), OutOfRange, DatabaseError.
  Status set(const std::vector<Rule>& rules);
  Result<std::vector<ModelPrice>> prices() const;
  Status set_price(const ModelPrice& price);

 private:
  store::Database& database_;
  QuotaLedger& ledger_;
  std::mutex changing_;
  std::int64_t version_ = -1;  // of what is in force; under changing_, as the next
  struct Limit {
    std::int64_t granted = kNoLimit;
    int alert_percent = kAlertPercent;
    bool operator==(const Limit&) const = default;
  };
  using Pot = std::tuple<Scope, std::string, Meter>;
  static Pot pot_of(const Rule& rule) { return {rule.scope, rule.name, rule.meter}; }
  std::map<Pot, Limit> in_force_;
};

}  // namespace xc::identity

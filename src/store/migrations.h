// The shape of the relational store, as steps. A step, once released, is never edited: a change is
// a new step at the end. The SQL is what SQLite and PostgreSQL both read: BIGINT for integers (the
// driver reads a column declared INTEGER as 32 bits), TEXT, DOUBLE PRECISION, no AUTOINCREMENT.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace xc::store {

struct Migration {
  int version = 0;  // 1, 2, 3 … without gaps
  std::string_view name;
  std::vector<std::string_view> statements;  // one transaction
};

// All steps of this program, in order.
std::span<const Migration> all_migrations();

}  // namespace xc::store

#include "secrets/sealed_column.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/limits.h"

namespace xc::secrets {
namespace {

using Statement = store::Database::Statement;

std::string text_in(const store::Value& value) {
  const auto* found = std::get_if<std::string>(&value);
  return found ? *found : std::string();
}

struct Entry {
  std::string name, kept;
  Owner owner;
};

Entry entry_of(const store::Row& row, const SealedColumn& column) {
  Entry entry;
  for (std::size_t at = 0; at < row.size(); ++at) {
    const std::string text = text_in(row[at]);
    if (at < column.name_columns) entry.name += (at == 0 ? "" : "/") + text;
    if (at == column.name_columns) entry.kept = text;
    if (at > column.name_columns) entry.owner.push_back(text);
  }
  return entry;
}

struct Look {
  std::vector<Statement> changes;  // one a row
  std::vector<std::string> unread;
};

Statement change_of(const SealedColumn& column, const Entry& entry, std::string sealed) {
  Statement statement{column.update, {std::move(sealed), entry.kept}};
  for (const std::string& part : entry.owner) statement.parameters.emplace_back(part);
  return statement;
}

Result<Look> look_through(store::Database& database, const MasterKey& master,
                          const SealedColumn& column) {
  const Sealer sealer = master.sealer(column.kind);
  Look look;
  XC_TRY(const std::vector<store::Row> rows, database.query(column.select));
  for (const store::Row& row : rows) {
    const Entry entry = entry_of(row, column);
    if (sealer.is_current(entry.owner, entry.kept)) continue;
    const std::optional<std::string> text = sealer.unseal(entry.owner, entry.kept);
    if (!text) {
      look.unread.push_back(entry.name);
      continue;
    }
    XC_TRY(std::string sealed, sealer.seal(entry.owner, *text));
    look.changes.push_back(change_of(column, entry, std::move(sealed)));
  }
  return look;
}

}  // namespace

Result<std::vector<std::string>> unread_of(store::Database& database, const MasterKey& master,
                                           const SealedColumn& column) {
  XC_TRY(Look look, look_through(database, master, column));
  return std::move(look.unread);
}

Result<Sealing> seal_anew(store::Database& database, const MasterKey& master,
                          const SealedColumn& column) {
  XC_TRY(Look look, look_through(database, master, column));
  std::span<Statement> rest = look.changes;
  while (!rest.empty()) {
    const std::span<Statement> batch = rest.first(std::min(rest.size(), limits::kSealBatch));
    std::vector<Statement> statements(batch.begin(), batch.end());
    if (!column.note.empty()) statements.push_back({column.note, {}, true});
    XC_CHECK(database.transaction(statements));
    rest = rest.subspan(batch.size());
  }
  return Sealing{static_cast<int>(look.changes.size()), std::move(look.unread)};
}

std::string names_of(const std::vector<std::string>& unread) {
  const std::size_t shown = std::min(unread.size(), limits::kUnreadNamesMax);
  std::string names = fmt::format("{}", fmt::join(std::span(unread).first(shown), ", "));
  if (shown < unread.size()) names += fmt::format(" … (+{})", unread.size() - shown);
  return names;
}

}  // namespace xc::secrets

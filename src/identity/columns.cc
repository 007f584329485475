#include "identity/columns.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/limits.h"

namespace xc::identity {
namespace {

std::unexpected<Error> bad_name(std::string_view field, std::string_view value,
                                std::string wanted) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {std::string(field), std::string(value.substr(0, 32)), std::move(wanted)});
}

bool is_low(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

std::string text_in(const store::Value& value) {
  const auto* found = std::get_if<std::string>(&value);
  return found ? *found : std::string();
}

std::optional<std::int64_t> integer_in(const store::Value& value) {
  const auto* found = std::get_if<std::int64_t>(&value);
  return found ? std::optional(*found) : std::nullopt;
}

store::Value value_of(const std::optional<std::int64_t>& integer) {
  if (!integer) return nullptr;
  return *integer;
}

std::string make_hex_id(RandomSource& random) {
  return fmt::format("{:016x}{:016x}", random.next(), random.next());
}

Status check_label(std::string_view field, std::string_view label) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (!label.empty() && label.size() <= limits::kKeyNameBytesMax &&
      std::ranges::none_of(label, control)) {
    return {};
  }
  return bad_name(field, label,
                  fmt::format("1 … {} bytes, no control characters", limits::kKeyNameBytesMax));
}

Status check_name(std::string_view field, std::string_view name) {
  const auto good = [](char c) { return is_low(c) || c == '.' || c == '_' || c == '-'; };
  if (!name.empty() && name.size() <= limits::kTenantNameBytesMax && is_low(name.front()) &&
      std::ranges::all_of(name, good)) {
    return {};
  }
  return bad_name(field, name,
                  fmt::format("[a-z0-9][a-z0-9._-]*, 1 … {} bytes", limits::kTenantNameBytesMax));
}

Status check_room(store::Database& database, std::string_view table, const std::string& tenant,
                  std::string_view what, std::int64_t most) {
  // Is the last row that may be there there? (COUNT has no column's type to be read with.)
  const std::string last =
      fmt::format("SELECT id FROM {} WHERE tenant = :p0 LIMIT 1 OFFSET :p1", table);
  XC_TRY(const std::vector<store::Row> rows, database.query(last, {tenant, most - 1}));
  if (rows.empty()) return {};
  return fail(Code::Conflict, Message::TenantFull,
              {tenant.substr(0, 64), std::string(what), std::to_string(most)});
}

store::Database::Statement note_change() {
  return {"UPDATE identity_state SET value = value + 1 WHERE name = 'changes'", {}, true};
}

Result<std::int64_t> changes_so_far(store::Database& database) {
  XC_TRY(const std::vector<store::Row> rows,
         database.query("SELECT value FROM identity_state WHERE name = 'changes'"));
  return rows.empty() ? 0 : integer_in(rows.front().at(0)).value_or(0);
}

}  // namespace xc::identity

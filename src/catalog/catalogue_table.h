// One TOML table read strictly: a wrong type, a missing or an unknown key is a mistake with file
// and line. Included by the catalogue's parsers only. Not thread-safe; borrows the table.
#pragma once

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace xc::catalog {

inline constexpr std::int64_t kTableSizeMax = std::int64_t{1} << 50;  // sums cannot overflow

// Reads one table. The first mistake sticks in `error_`; later reads give neutral values.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string file, std::optional<Error>& error)
      : table_(table), file_(std::move(file)), error_(error) {}

  void mistake(std::string why) { mistake(table_, std::move(why)); }
  void mistake(const toml::node& at, std::string why) {
    if (error_) return;
    error_ = Error{Code::InvalidRequest,
                   Message::BadConfig,
                   {file_, std::to_string(at.source().begin.line), std::move(why)},
                   {},
                   {},
                   0};
  }
  bool has(std::string_view key) const { return table_.contains(key); }

  template <typename T>
  std::optional<T> maybe(std::string_view key) {
    known_.emplace(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::nullopt;
    // An integer is a good double, but a string is no number: value<T>() knows.
    const std::optional<T> value = node->value<T>();
    if (!value) mistake(*node, fmt::format("'{}' has the wrong type", key));
    return value;
  }
  template <typename T>
  T required(std::string_view key) {
    const std::optional<T> value = maybe<T>(key);
    if (!value) mistake(fmt::format("'{}' is missing", key));
    return value.value_or(T{});
  }
  std::uint64_t size(std::string_view key) {
    const auto value = required<std::int64_t>(key);
    if (value > 0 && value <= kTableSizeMax) return static_cast<std::uint64_t>(value);
    mistake(fmt::format("'{}' must be between 1 and {}", key, kTableSizeMax));
    return 1;
  }
  std::vector<std::string> words(std::string_view key) {
    known_.emplace(key);
    std::vector<std::string> out;
    const toml::node* node = table_.get(key);
    if (node == nullptr) return out;
    const toml::array* list = node->as_array();
    if (list == nullptr) mistake(*node, fmt::format("'{}' must be a list", key));
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
      const auto word = (*list)[i].value<std::string>();
      if (!word) mistake((*list)[i], fmt::format("'{}' must hold strings", key));
      out.push_back(word.value_or(""));
    }
    return out;
  }
  // Calls `read` with a reader for each table of a list, or for the one table.
  template <typename Read>
  void tables(std::string_view key, const Read& read) {
    known_.emplace(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    if (const toml::table* one = node->as_table()) return visit(*one, read);
    const toml::array* list = node->as_array();
    if (list == nullptr) return mistake(*node, fmt::format("'{}' must be tables", key));
    for (const toml::node& item : *list) {
      const toml::table* table = item.as_table();
      if (table == nullptr) return mistake(item, fmt::format("'{}' must be tables", key));
      visit(*table, read);
    }
  }
  // Calls `read` with the name and a reader for each table inside the table `key`.
  template <typename Read>
  void each(std::string_view key, const Read& read) {
    known_.emplace(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    const toml::table* names = node->as_table();
    if (names == nullptr) return mistake(*node, fmt::format("'{}' must be a table", key));
    for (const auto& [name, item] : *names) {
      const toml::table* table = item.as_table();
      if (table == nullptr) return mistake(item, fmt::format("'{}' must be tables", key));
      visit(*table, [&](TableReader& in) { read(std::string(name.str()), in); });
    }
  }
  void refuse_unknown() {
    for (const auto& [key, node] : table_) {
      if (!known_.contains(key.str())) mistake(node, fmt::format("unknown key '{}'", key.str()));
    }
  }

 private:
  template <typename Read>
  void visit(const toml::table& table, const Read& read) {
    TableReader reader(table, file_, error_);
    read(reader);
    reader.refuse_unknown();
  }

  const toml::table& table_;
  std::string file_;
  std::optional<Error>& error_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace xc::catalog

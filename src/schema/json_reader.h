// Reads request JSON into structs with errors that name the field at fault as the caller wrote it
// (`messages[2].content[0].image_url.url`, which becomes Error::param). Internal to schema/.
// Readers point into a boost::json::value that must outlive them. Pure; thread-safe.
// `null` counts as absent everywhere; fields that nobody asks for are ignored.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace xc::schema {

// Errors: BadUtf8 and BadJson with the byte, JsonTooDeep beyond limits::kJsonDepthMax. Among
// duplicate keys the last wins. Strings of the value are valid UTF-8 (may hold NUL).
// `memory` may be a monotonic_resource that outlives the value.
Result<boost::json::value> read_json(std::string_view text, boost::json::storage_ptr memory = {});

class JsonObject;
class JsonArray;

// Says of most keys that an object does not have that it does not, without a look at it: a request
// has a handful of some fifty that are asked for. A bit for what a key looks like.
class KeySet {
 public:
  void add(std::string_view key) { bits_ |= bit_of(key); }
  bool may_have(std::string_view key) const { return (bits_ & bit_of(key)) != 0; }

 private:
  static constexpr std::uint64_t bit_of(std::string_view key) {
    if (key.empty()) return 1;
    const auto byte = [](char c) { return static_cast<unsigned char>(c); };
    const std::size_t sum = key.size() * 5 + byte(key.front()) * 3u + byte(key.back());
    return std::uint64_t{1} << (sum & 63);
  }
  std::uint64_t bits_ = 0;
};

// One value and where it stands. The as_… functions fail with WrongType when the kind is another.
class JsonField {
 public:
  // base: of the object it is in; the key outlives it. The whole path is put together when an error
  // or what lies deeper asks for it.
  JsonField(const boost::json::value& value, std::string base, std::string_view key = {})
      : value_(&value), base_(std::move(base)), key_(key) {}

  const boost::json::value& value() const { return *value_; }
  std::string path() const;

  Result<std::string_view> as_text() const;  // lives as long as the document
  Result<bool> as_flag() const;
  Result<double> as_number(double low, double high) const;  // OutOfRange outside low … high
  // 3.0 is taken as 3, since some clients write floats; 3.5 is WrongType.
  Result<std::int64_t> as_integer(std::int64_t low, std::int64_t high) const;
  Result<JsonObject> as_object() const;
  Result<JsonArray> as_array(std::size_t items_max) const;  // TooMany
  // One of `names`, else BadValue that lists them. Gives the index in `names`.
  Result<std::size_t> as_one_of(std::initializer_list<std::string_view> names) const;

  // The error "must be `expected`" for a caller that looked at value() itself ("string or array").
  std::unexpected<Error> wrong_type(std::string_view expected) const;
  std::unexpected<Error> bad_value(std::string_view got, std::string_view expected) const;
  std::unexpected<Error> out_of_range(std::string low, std::string high, std::string got) const;

 private:
  const boost::json::value* value_;
  std::string base_;
  std::string_view key_;
};

class JsonObject {
 public:
  JsonObject(const boost::json::object& object, std::string path);

  const boost::json::object& object() const { return *object_; }
  std::string path_of(std::string_view key) const;
  std::optional<JsonField> find(std::string_view key) const {  // nothing when absent or null
    return keys_.may_have(key) ? look_up(key) : std::nullopt;
  }
  Result<JsonField> need(std::string_view key) const;  // MissingField

  // Optional fields: `out` stays as it is when the field is absent. T is the value or an optional.
  Status text(std::string_view key, std::string& out) const {
    return keys_.may_have(key) ? read_text(key, out) : Status();
  }
  template <typename T>
  Status flag(std::string_view key, T& out) const {
    return keys_.may_have(key) ? read_flag(key, out) : Status();
  }
  Status number(std::string_view key, std::optional<double>& out, double low, double high) const {
    return keys_.may_have(key) ? read_number(key, out, low, high) : Status();
  }
  template <typename T, typename Low, typename High>
  Status integer(std::string_view key, T& out, Low low, High high) const {
    return keys_.may_have(key) ? read_integer(key, out, low, high) : Status();
  }
  Result<std::optional<JsonObject>> object(std::string_view key) const;
  Result<std::optional<JsonArray>> array(std::string_view key, std::size_t items_max) const;

  // Required fields.
  Result<std::string> need_text(std::string_view key) const;
  Result<JsonObject> need_object(std::string_view key) const;
  Result<JsonArray> need_array(std::string_view key, std::size_t items_max) const;

 private:
  std::optional<JsonField> look_up(std::string_view key) const;
  Status read_text(std::string_view key, std::string& out) const;
  Status read_flag(std::string_view key, bool& out) const;
  Status read_flag(std::string_view key, std::optional<bool>& out) const;
  Status read_number(std::string_view key, std::optional<double>& out, double low,
                     double high) const;
  Status read_integer(std::string_view key, int& out, int low, int high) const;
  Status read_integer(std::string_view key, std::optional<int>& out, int low, int high) const;
  Status read_integer(std::string_view key, std::optional<std::int64_t>& out, std::int64_t low,
                      std::int64_t high) const;

  const boost::json::object* object_;
  std::string path_;
  KeySet keys_;
};

class JsonArray {
 public:
  JsonArray(const boost::json::array& array, std::string path)
      : array_(&array), path_(std::move(path)) {}

  std::size_t size() const;
  JsonField at(std::size_t index) const;  // index < size()
  const std::string& path() const { return path_; }

 private:
  const boost::json::array* array_;
  std::string path_;
};

// The body of a request: read_json, and WrongType unless it is an object. `document` keeps it.
Result<JsonObject> read_body(std::string_view text, boost::json::value& document);

// "string", "number", "object" … as errors and their readers call it.
std::string_view kind_of(const boost::json::value& value);
// Compact JSON text; keys in the order of the source, numbers in their shortest form. read_json of
// it gives the same text again.
std::string json_of(const boost::json::value& value);
std::string json_of(const boost::json::object& object);

}  // namespace xc::schema

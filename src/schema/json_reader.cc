#include "schema/json_reader.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>

#include "schema/json_text.h"
#include "schema/utf8.h"

namespace xc::schema {
namespace {

namespace json = boost::json;

std::string number_text(double value) {
  std::string out;
  append_number(out, value);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out;
}

// What an error repeats of the caller's own text: a word, not a page.
std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 64;
  if (text.size() <= kShownMax) return std::string(text);
  std::string_view head = text.substr(0, kShownMax);
  head.remove_suffix(incomplete_suffix(head));
  return std::string(head) + "…";
}

std::string joined(const std::string& base, std::string_view key) {
  std::string out;
  out.reserve(base.size() + 1 + key.size());
  out = base;
  if (!out.empty()) out += '.';
  return out += key;
}

template <typename T>
Status narrow(const std::optional<JsonField>& field, T& out, std::int64_t low, std::int64_t high) {
  if (!field) return {};
  XC_TRY(const std::int64_t value, field->as_integer(low, high));
  out = static_cast<int>(value);  // low and high are ints
  return {};
}

}  // namespace

std::string JsonField::path() const { return key_.empty() ? base_ : joined(base_, key_); }

std::unexpected<Error> JsonField::wrong_type(std::string_view expected) const {
  return fail_field(path(), Message::WrongType,
                    {path(), std::string(expected), std::string(kind_of(*value_))});
}

std::unexpected<Error> JsonField::bad_value(std::string_view got, std::string_view expected) const {
  return fail_field(path(), Message::BadValue, {path(), shown(got), std::string(expected)});
}

std::unexpected<Error> JsonField::out_of_range(std::string low, std::string high,
                                               std::string got) const {
  return fail_field(path(), Message::OutOfRange,
                    {path(), std::move(low), std::move(high), std::move(got)});
}

Result<std::string_view> JsonField::as_text() const {
  if (const json::string* text = value_->if_string()) return std::string_view(*text);
  return wrong_type("string");
}

Result<bool> JsonField::as_flag() const {
  if (const bool* flag = value_->if_bool()) return *flag;
  return wrong_type("boolean");
}

Result<double> JsonField::as_number(double low, double high) const {
  if (!value_->is_number()) return wrong_type("number");
  const double number = value_->is_double()   ? value_->get_double()
                        : value_->is_uint64() ? static_cast<double>(value_->get_uint64())
                                              : static_cast<double>(value_->get_int64());
  if (number >= low && number <= high) return number;  // also refuses infinity: 1e999 reads so
  return out_of_range(number_text(low), number_text(high),
                      std::isfinite(number) ? number_text(number) : "infinity");
}

Result<std::int64_t> JsonField::as_integer(std::int64_t low, std::int64_t high) const {
  std::int64_t number = 0;
  if (const std::int64_t* plain = value_->if_int64()) {
    number = *plain;
  } else if (value_->is_double() && value_->get_double() == std::trunc(value_->get_double())) {
    const double wide = value_->get_double();
    constexpr double kEdge = 9223372036854775808.0;  // 2^63: from here on a cast is undefined
    if (!(wide >= -kEdge && wide < kEdge)) {
      return out_of_range(std::to_string(low), std::to_string(high), json_of(*value_));
    }
    number = static_cast<std::int64_t>(wide);
  } else if (value_->is_uint64()) {
    return out_of_range(std::to_string(low), std::to_string(high), json_of(*value_));
  } else {
    return wrong_type("integer");
  }
  if (number >= low && number <= high) return number;
  return out_of_range(std::to_string(low), std::to_string(high), std::to_string(number));
}

Result<JsonObject> JsonField::as_object() const {
  if (const json::object* object = value_->if_object()) return JsonObject(*object, path());
  return wrong_type("object");
}

Result<JsonArray> JsonField::as_array(std::size_t items_max) const {
  const json::array* array = value_->if_array();
  if (array == nullptr) return wrong_type("array");
  if (array->size() > items_max) {
    return fail_field(path(), Message::TooMany,
                      {path(), std::to_string(array->size()), std::to_string(items_max)});
  }
  return JsonArray(*array, path());
}

Result<std::size_t> JsonField::as_one_of(std::initializer_list<std::string_view> names) const {
  XC_TRY(const std::string_view text, as_text());
  const auto* const found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  std::string list;
  for (const std::string_view name : names) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  return bad_value(text, list);
}

JsonObject::JsonObject(const json::object& object, std::string path)
    : object_(&object), path_(std::move(path)) {
  for (const json::key_value_pair& member : object) keys_.add(member.key());
}

std::string JsonObject::path_of(std::string_view key) const { return joined(path_, key); }

std::optional<JsonField> JsonObject::look_up(std::string_view key) const {
  const json::value* value = object_->if_contains(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return JsonField(*value, path_, key);
}

Result<JsonField> JsonObject::need(std::string_view key) const {
  if (std::optional<JsonField> field = find(key)) return std::move(*field);
  std::string path = path_of(key);
  return fail_field(path, Message::MissingField, {path});
}

Status JsonObject::read_text(std::string_view key, std::string& out) const {
  const std::optional<JsonField> field = look_up(key);
  if (!field) return {};
  XC_TRY(out, field->as_text());
  return {};
}

Status JsonObject::read_flag(std::string_view key, bool& out) const {
  const std::optional<JsonField> field = look_up(key);
  if (!field) return {};
  XC_TRY(out, field->as_flag());
  return {};
}

Status JsonObject::read_flag(std::string_view key, std::optional<bool>& out) const {
  const std::optional<JsonField> field = look_up(key);
  if (!field) return {};
  XC_TRY(out, field->as_flag());
  return {};
}

Status JsonObject::read_number(std::string_view key, std::optional<double>& out, double low,
                               double high) const {
  const std::optional<JsonField> field = look_up(key);
  if (!field) return {};
  XC_TRY(out, field->as_number(low, high));
  return {};
}

Status JsonObject::read_integer(std::string_view key, int& out, int low, int high) const {
  return narrow(look_up(key), out, low, high);
}

Status JsonObject::read_integer(std::string_view key, std::optional<int>& out, int low,
                                int high) const {
  return narrow(look_up(key), out, low, high);
}

Status JsonObject::read_integer(std::string_view key, std::optional<std::int64_t>& out,
                                std::int64_t low, std::int64_t high) const {
  const std::optional<JsonField> field = look_up(key);
  if (!field) return {};
  XC_TRY(out, field->as_integer(low, high));
  return {};
}

Result<std::optional<JsonObject>> JsonObject::object(std::string_view key) const {
  const std::optional<JsonField> field = find(key);
  if (!field) return std::nullopt;
  return field->as_object();
}

Result<std::optional<JsonArray>> JsonObject::array(std::string_view key,
                                                   std::size_t items_max) const {
  const std::optional<JsonField> field = find(key);
  if (!field) return std::nullopt;
  return field->as_array(items_max);
}

Result<std::string> JsonObject::need_text(std::string_view key) const {
  XC_TRY(const JsonField field, need(key));
  XC_TRY(const std::string_view text, field.as_text());
  return std::string(text);
}

Result<JsonObject> JsonObject::need_object(std::string_view key) const {
  XC_TRY(const JsonField field, need(key));
  return field.as_object();
}

Result<JsonArray> JsonObject::need_array(std::string_view key, std::size_t items_max) const {
  XC_TRY(const JsonField field, need(key));
  return field.as_array(items_max);
}

std::size_t JsonArray::size() const { return array_->size(); }

JsonField JsonArray::at(std::size_t index) const {
  return JsonField((*array_)[index], path_ + "[" + std::to_string(index) + "]");
}

}  // namespace xc::schema

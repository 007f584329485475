// JSON written straight into a string: for chunks, which are hot, no document is built.
// Pure; thread-safe. Internal to schema/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace xc::schema {

// Appends `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
void append_string(std::string& out, std::string_view text);
// The same without quotes.
void append_escaped(std::string& out, std::string_view text);
// Shortest form that reads back as the same double, with ".0" when integral; null unless finite.
void append_number(std::string& out, double value);
void append_number(std::string& out, std::int64_t value);
// `json` when it is one valid JSON value, else `otherwise`: for text that must not break a
// document.
void append_raw(std::string& out, std::string_view json, std::string_view otherwise);

// Writes the members of one object: {"a":1,"b":"x"}. The destructor does not close it.
//   JsonWriter w(out); w.text("id", id); w.key("usage"); out += "…"; w.end();
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) { out_ += '{'; }
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  std::string& key(std::string_view name);  // name must need no escaping; then append the value
  void text(std::string_view name, std::string_view value) { append_string(key(name), value); }
  void number(std::string_view name, double value) { append_number(key(name), value); }
  void integer(std::string_view name, std::int64_t value) { append_number(key(name), value); }
  void flag(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
  void raw(std::string_view name, std::string_view json) { key(name) += json; }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace xc::schema

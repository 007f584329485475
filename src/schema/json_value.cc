// JSON text into a document and back: read_json, read_body, json_of of json_reader.h.
#include <boost/json/parser.hpp>

#include "base/limits.h"
#include "schema/json_reader.h"
#include "schema/json_text.h"
#include "schema/utf8.h"

namespace xc::schema {
namespace {

namespace json = boost::json;

void append_value(std::string& out, const json::value& value);

void append_members(std::string& out, const json::object& object) {
  out += '{';
  bool first = true;
  for (const json::key_value_pair& member : object) {
    if (!first) out += ',';
    first = false;
    append_string(out, member.key());
    out += ':';
    append_value(out, member.value());
  }
  out += '}';
}

void append_value(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case json::kind::int64:
      return append_number(out, value.get_int64());
    case json::kind::uint64:
      out += std::to_string(value.get_uint64());
      return;
    case json::kind::double_:
      return append_number(out, value.get_double());
    case json::kind::string:
      return append_string(out, value.get_string());
    case json::kind::object:
      return append_members(out, value.get_object());
    case json::kind::array: {
      out += '[';
      bool first = true;
      for (const json::value& item : value.get_array()) {
        if (!first) out += ',';
        first = false;
        append_value(out, item);
      }
      out += ']';
      return;
    }
  }
}

}  // namespace

Result<json::value> read_json(std::string_view text, json::storage_ptr memory) {
  if (const auto bad = first_bad_byte(text)) {
    return fail(Code::InvalidRequest, Message::BadUtf8, {std::to_string(*bad)});
  }
  json::parse_options options;
  options.max_depth = limits::kJsonDepthMax;
  unsigned char scratch[4096];
  json::parser parser({}, options, scratch, sizeof scratch);
  parser.reset(std::move(memory));
  json::error_code error;
  const std::size_t stopped_at = parser.write_some(text.data(), text.size(), error);
  if (!error && stopped_at < text.size()) error = json::error::extra_data;
  if (!error) return parser.release();
  if (error == json::error::too_deep) {
    return fail(Code::InvalidRequest, Message::JsonTooDeep,
                {std::to_string(limits::kJsonDepthMax)});
  }
  return fail(Code::InvalidRequest, Message::BadJson,
              {error.message(), std::to_string(stopped_at)});
}

Result<JsonObject> read_body(std::string_view text, json::value& document) {
  XC_TRY(json::value read, read_json(text, document.storage()));
  document = std::move(read);
  if (const json::object* object = document.if_object()) return JsonObject(*object, {});
  return fail(Code::InvalidRequest, Message::WrongType,
              {"body", "object", std::string(kind_of(document))});
}

std::string_view kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "integer";
    case json::kind::double_:
      return "number";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
  }
  return "null";
}

std::string json_of(const json::value& value) {
  std::string out;
  append_value(out, value);
  return out;
}

std::string json_of(const json::object& object) {
  std::string out;
  append_members(out, object);
  return out;
}

}  // namespace xc::schema

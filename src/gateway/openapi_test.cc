// openapi.json is true: it has the rows of the table, no more and no less, and no dangling $ref.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "gateway/router.h"

namespace xc::embedded {
extern const std::string_view openapi_json;
}

namespace xc::gateway {
namespace {

namespace json = boost::json;

const json::object& document() {
  static const json::value value = json::parse(embedded::openapi_json);
  return value.as_object();
}

TEST(OpenApi, has_every_route_and_no_other) {
  std::set<std::string> described;
  for (const auto& [path, item] : document().at("paths").as_object()) {
    for (const auto& [method, operation] : item.as_object()) {
      std::string upper(method);
      for (char& c : upper) c = static_cast<char>(std::toupper(c));
      described.insert(upper + " " + std::string(path));
      EXPECT_TRUE(operation.as_object().contains("responses")) << path;
    }
  }
  std::set<std::string> served;
  for (const Route& route : routes()) {
    served.insert(std::string(route.method) + " " + std::string(route.pattern));
  }
  EXPECT_EQ(described, served);
}

TEST(OpenApi, says_which_routes_need_no_key) {
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const json::object& operation =
        document().at("paths").as_object().at(route.pattern).as_object().at(method).as_object();
    EXPECT_EQ(operation.contains("security"), !route.needs_key) << route.pattern;
  }
}

void check_references(const json::value& value) {
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, member] : *object) {
      if (key != "$ref") {
        check_references(member);
        continue;
      }
      boost::system::error_code error;
      const std::string pointer = std::string(member.as_string()).substr(1);
      EXPECT_NE(json::value(document()).find_pointer(pointer, error), nullptr) << pointer;
    }
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) check_references(item);
  }
}

TEST(OpenApi, references_lead_somewhere) {
  EXPECT_EQ(document().at("openapi").as_string(), "3.1.0");
  check_references(document());
}

}  // namespace
}  // namespace xc::gateway

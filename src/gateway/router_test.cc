#include "gateway/router.h"

#include <gtest/gtest.h>

namespace xc::gateway {
namespace {

TEST(Router, finds_rows_and_parameters) {
  EXPECT_EQ(match_route("GET", "/v1/models").route->pattern, "/v1/models");
  const Match model = match_route("GET", "/v1/models/org/name:tag");
  ASSERT_NE(model.route, nullptr);
  EXPECT_EQ(model.parameter, "org/name:tag");
  const Match stop = match_route("POST", "/admin/workers/org/name/stop");
  ASSERT_NE(stop.route, nullptr);
  EXPECT_EQ(stop.parameter, "org/name");
  EXPECT_EQ(match_route("HEAD", "/healthz").route->method, "GET");
}

TEST(Router, refuses_what_is_not_there) {
  for (const char* path : {"/v1/models/", "/v1", "/v1/chat/completions/", "", "/V1/models",
                           "/admin/workers//stop", "/admin/workers/stop"}) {
    EXPECT_EQ(match_route("GET", path).route, nullptr) << path;
  }
  const Match wrong = match_route("PUT", "/v1/models");
  EXPECT_EQ(wrong.route, nullptr);
  EXPECT_EQ(wrong.allowed, "GET, HEAD, OPTIONS");
  EXPECT_EQ(match_route("PUT", "/nothing").allowed, "");
}

TEST(Router, errors_have_the_shape_of_the_address) {
  EXPECT_EQ(shape_of("/v1/messages"), Shape::Anthropic);
  EXPECT_EQ(shape_of("/v1/messages/batches"), Shape::Anthropic);
  EXPECT_EQ(shape_of("/v1/chat/completions"), Shape::OpenAi);
  EXPECT_EQ(shape_of(""), Shape::OpenAi);
  for (const Route& route : routes()) EXPECT_EQ(shape_of(route.pattern), route.shape);
}

}  // namespace
}  // namespace xc::gateway

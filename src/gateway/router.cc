#include "gateway/router.h"

#include <array>

#include "gateway/admin.h"
#include "gateway/chat.h"
#include "gateway/health.h"
#include "gateway/inquiry.h"
#include "gateway/models.h"

namespace xc::gateway {
namespace {

constexpr bool kKey = true;  // needs a key, also on loopback
constexpr bool kOpen = false;

constexpr std::array kRoutes{
    Route{"GET", "/v1/models", kKey, Shape::OpenAi, &list_models},
    Route{"GET", "/v1/models/{model}", kKey, Shape::OpenAi, &show_model},
    Route{"POST", "/v1/chat/completions", kKey, Shape::OpenAi, &chat},
    Route{"POST", "/v1/completions", kKey, Shape::OpenAi, &completions},
    Route{"POST", "/v1/embeddings", kKey, Shape::OpenAi, &embeddings},
    Route{"POST", "/v1/rerank", kKey, Shape::OpenAi, &rerank},
    Route{"POST", "/rerank", kKey, Shape::OpenAi, &rerank},
    Route{"POST", "/v1/messages", kKey, Shape::Anthropic, &messages},
    Route{"POST", "/v1/messages/count_tokens", kKey, Shape::Anthropic, &count_tokens},
    Route{"POST", "/v1/responses", kKey, Shape::OpenAi, &responses},
    Route{"GET", "/v1/responses/{id}", kKey, Shape::OpenAi, &stored_response},
    Route{"POST", "/tokenize", kKey, Shape::OpenAi, &tokenize},
    Route{"POST", "/detokenize", kKey, Shape::OpenAi, &detokenize},
    Route{"GET", "/admin/workers", kKey, Shape::OpenAi, &list_workers},
    Route{"GET", "/admin/engine", kKey, Shape::OpenAi, &show_engines},
    Route{"POST", "/admin/workers/{model}/stop", kKey, Shape::OpenAi, &stop_worker},
    Route{"POST", "/admin/models/{model}/restart", kKey, Shape::OpenAi, &restart_worker},
    Route{"POST", "/admin/keys/reload", kKey, Shape::OpenAi, &reload_keys},
    Route{"GET", "/healthz", kOpen, Shape::OpenAi, &healthz},
    Route{"GET", "/readyz", kOpen, Shape::OpenAi, &readyz},
    Route{"GET", "/version", kOpen, Shape::OpenAi, &version},
    Route{"GET", "/metrics", kOpen, Shape::OpenAi, &metrics},
    Route{"GET", "/openapi.json", kOpen, Shape::OpenAi, &openapi},
};

// Whether the path has the pattern's form; fills the parameter, which is never empty.
bool fits(std::string_view pattern, std::string_view path, std::string& parameter) {
  const std::size_t open = pattern.find('{');
  if (open == std::string_view::npos) return pattern == path;
  const std::string_view before = pattern.substr(0, open);
  const std::string_view after = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= before.size() + after.size()) return false;
  if (!path.starts_with(before) || !path.ends_with(after)) return false;
  path.remove_prefix(before.size());
  path.remove_suffix(after.size());
  parameter = path;
  return true;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Match match_route(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  Match match;
  for (const Route& route : kRoutes) {
    std::string parameter;
    if (!fits(route.pattern, path, parameter)) continue;
    match.allowed += match.allowed.empty() ? "" : ", ";
    match.allowed += route.method;
    if (route.method == "GET") match.allowed += ", HEAD";
    if (route.method != method || match.route != nullptr) continue;
    match.route = &route;
    match.parameter = std::move(parameter);
  }
  if (!match.allowed.empty()) match.allowed += ", OPTIONS";
  return match;
}

Shape shape_of(std::string_view path) {
  return path.starts_with("/v1/messages") ? Shape::Anthropic : Shape::OpenAi;
}

}  // namespace xc::gateway

#include "gateway/router.h"

#include <array>

#include "gateway/admin.h"
#include "gateway/admin_audit.h"
#include "gateway/admin_identity.h"
#include "gateway/admin_oidc.h"
#include "gateway/admin_operations.h"
#include "gateway/admin_pools.h"
#include "gateway/admin_quota.h"
#include "gateway/chat.h"
#include "gateway/health.h"
#include "gateway/inquiry.h"
#include "gateway/models.h"
#include "gateway/ollama.h"

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
    Route{"POST", "/telechat/gptDialog/v2", kKey, Shape::TeleChat, &telechat_text},
    Route{"POST", "/telechat/gptDialog/v4", kKey, Shape::TeleChat, &telechat_json},
    Route{"POST", "/api/chat", kKey, Shape::Ollama, &ollama_chat},
    Route{"POST", "/api/generate", kKey, Shape::Ollama, &ollama_generate},
    Route{"POST", "/api/embed", kKey, Shape::Ollama, &ollama_embed},
    Route{"POST", "/api/embeddings", kKey, Shape::Ollama, &ollama_embeddings},
    Route{"GET", "/api/tags", kKey, Shape::Ollama, &ollama_tags},
    Route{"POST", "/api/show", kKey, Shape::Ollama, &ollama_show},
    Route{"GET", "/api/ps", kKey, Shape::Ollama, &ollama_ps},
    Route{"GET", "/api/version", kOpen, Shape::Ollama, &ollama_version},
    Route{"POST", "/tokenize", kKey, Shape::OpenAi, &tokenize},
    Route{"POST", "/detokenize", kKey, Shape::OpenAi, &detokenize},
    Route{"GET", "/admin/workers", kKey, Shape::OpenAi, &list_workers},
    Route{"GET", "/admin/engine", kKey, Shape::OpenAi, &show_engines},
    Route{"POST", "/admin/workers/{model}/stop", kKey, Shape::OpenAi, &stop_worker},
    Route{"POST", "/admin/models/{model}/restart", kKey, Shape::OpenAi, &restart_worker},
    Route{"POST", "/admin/keys/reload", kKey, Shape::OpenAi, &reload_keys},
    Route{"GET", "/admin/login", kOpen, Shape::OpenAi, &show_login},
    Route{"POST", "/admin/login", kOpen, Shape::OpenAi, &log_in},
    Route{"GET", "/admin/oidc/start", kOpen, Shape::OpenAi, &start_oidc},
    Route{"GET", "/admin/oidc/callback", kOpen, Shape::OpenAi, &finish_oidc},
    Route{"POST", "/admin/logout", kKey, Shape::OpenAi, &log_out},
    Route{"GET", "/admin/whoami", kKey, Shape::OpenAi, &who_am_i},
    Route{"GET", "/admin/tenants", kKey, Shape::OpenAi, &list_tenants},
    Route{"POST", "/admin/tenants", kKey, Shape::OpenAi, &create_tenant},
    Route{"PUT", "/admin/tenants/{tenant}", kKey, Shape::OpenAi, &set_tenant},
    Route{"POST", "/admin/tenants/{tenant}/suspend", kKey, Shape::OpenAi, &suspend_tenant},
    Route{"POST", "/admin/tenants/{tenant}/resume", kKey, Shape::OpenAi, &resume_tenant},
    Route{"GET", "/admin/workspaces", kKey, Shape::OpenAi, &list_workspaces},
    Route{"POST", "/admin/workspaces", kKey, Shape::OpenAi, &create_workspace},
    Route{"GET", "/admin/keys", kKey, Shape::OpenAi, &list_keys},
    Route{"POST", "/admin/keys", kKey, Shape::OpenAi, &create_key},
    Route{"POST", "/admin/keys/{key}/rotate", kKey, Shape::OpenAi, &rotate_key},
    Route{"POST", "/admin/keys/{key}/revoke", kKey, Shape::OpenAi, &revoke_key},
    Route{"GET", "/admin/users", kKey, Shape::OpenAi, &list_users},
    Route{"POST", "/admin/users", kKey, Shape::OpenAi, &create_user},
    Route{"POST", "/admin/users/{user}/password", kKey, Shape::OpenAi, &set_user_password},
    Route{"POST", "/admin/users/{user}/totp", kKey, Shape::OpenAi, &set_user_totp},
    Route{"POST", "/admin/users/{user}/disable", kKey, Shape::OpenAi, &disable_user},
    Route{"POST", "/admin/users/{user}/enable", kKey, Shape::OpenAi, &enable_user},
    Route{"POST", "/admin/users/{user}/role", kKey, Shape::OpenAi, &set_user_role},
    Route{"POST", "/admin/password", kKey, Shape::OpenAi, &set_own_password},
    Route{"POST", "/admin/totp", kKey, Shape::OpenAi, &set_own_totp},
    Route{"POST", "/admin/totp/confirm", kKey, Shape::OpenAi, &confirm_own_totp},
    Route{"GET", "/admin/quotas", kKey, Shape::OpenAi, &list_quotas},
    Route{"PUT", "/admin/quotas", kKey, Shape::OpenAi, &set_quotas},
    Route{"DELETE", "/admin/quotas", kKey, Shape::OpenAi, &remove_quotas},
    Route{"GET", "/admin/prices", kKey, Shape::OpenAi, &list_prices},
    Route{"PUT", "/admin/prices", kKey, Shape::OpenAi, &set_price},
    Route{"GET", "/admin/usage", kKey, Shape::OpenAi, &show_usage},
    Route{"GET", "/admin/audit/head", kKey, Shape::OpenAi, &show_audit_head},
    Route{"GET", "/admin/audit/records", kKey, Shape::OpenAi, &list_audit_records},
    Route{"GET", "/admin/audit/proof", kKey, Shape::OpenAi, &prove_audit_leaf},
    Route{"GET", "/admin/audit/content", kKey, Shape::OpenAi, &show_audit_content},
    Route{"GET", "/admin/audit/export", kKey, Shape::OpenAi, &export_audit},
    Route{"POST", "/admin/audit/erase", kKey, Shape::OpenAi, &erase_audit},
    Route{"GET", "/admin/pools", kKey, Shape::OpenAi, &list_pools},
    Route{"PUT", "/admin/pools/{pool}", kKey, Shape::OpenAi, &set_pool},
    Route{"POST", "/admin/pools/{pool}/remove", kKey, Shape::OpenAi, &remove_pool},
    Route{"PUT", "/admin/endpoints/{endpoint}", kKey, Shape::OpenAi, &set_endpoint},
    Route{"POST", "/admin/endpoints/{endpoint}/remove", kKey, Shape::OpenAi, &remove_endpoint},
    Route{"PUT", "/admin/routes/{model}", kKey, Shape::OpenAi, &set_model_route},
    Route{"PUT", "/admin/clearances/{tenant}", kKey, Shape::OpenAi, &set_clearance},
    Route{"GET", "/admin/config", kKey, Shape::OpenAi, &show_config},
    Route{"POST", "/admin/config/reload", kKey, Shape::OpenAi, &reload_config},
    Route{"GET", "/admin/alarms", kKey, Shape::OpenAi, &list_alarms},
    Route{"POST", "/admin/alarms/{alarm}/acknowledge", kKey, Shape::OpenAi, &acknowledge_alarm},
    Route{"GET", "/healthz", kOpen, Shape::OpenAi, &healthz},
    Route{"GET", "/readyz", kOpen, Shape::OpenAi, &readyz},
    Route{"GET", "/version", kOpen, Shape::OpenAi, &version},
    Route{"GET", "/metrics", kOpen, Shape::OpenAi, &metrics},
    Route{"GET", "/openapi.json", kOpen, Shape::OpenAi, &openapi},
};

// Where each row's parameter begins; npos: it has none.
constexpr auto kOpens = [] {
  std::array<std::size_t, kRoutes.size()> opens{};
  for (std::size_t i = 0; i < opens.size(); ++i) opens[i] = kRoutes[i].pattern.find('{');
  return opens;
}();

// Whether the path has the pattern's form; fills the parameter, which is never empty.
bool fits(std::string_view pattern, std::size_t open, std::string_view path,
          std::string_view& parameter) {
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
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    const Route& route = kRoutes[i];
    std::string_view parameter;
    if (!fits(route.pattern, kOpens[i], path, parameter)) continue;
    if (route.method == method) return Match{&route, std::string(parameter), {}};
    match.allowed += match.allowed.empty() ? "" : ", ";
    match.allowed += route.method;
    if (route.method == "GET") match.allowed += ", HEAD";
  }
  if (!match.allowed.empty()) match.allowed += ", OPTIONS";
  return match;
}

Shape shape_of(std::string_view path) {
  if (path.starts_with("/telechat/")) return Shape::TeleChat;
  if (path.starts_with("/api/")) return Shape::Ollama;
  return path.starts_with("/v1/messages") ? Shape::Anthropic : Shape::OpenAi;
}

}  // namespace xc::gateway

#include "gateway/login_page.h"

#include <fmt/core.h>

#include "base/log.h"

namespace xc::gateway {
namespace {

constexpr std::string_view kPage = R"(<!doctype html>
<html lang="{lang}">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:16px/1.8 sans-serif;max-width:34em;margin:18vh auto;padding:0 1.2em}}
h1{{font-size:1.4em}}small{{opacity:.7}}</style></head>
<body><main><h1>{title}</h1><p role="alert">{text}</p><p><a href="/#/login">{back}</a></p>
<p><small>{id_label} {id}</small></p></main></body>
</html>
)";

constexpr std::string_view kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

void set_headers(Call& call) {
  net::Headers& headers = call.exchange.reply_headers();
  headers.set("Cache-Control", "no-store");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("X-Content-Type-Options", "nosniff");
}

}  // namespace

Task<Status> reply_login_page(Call& call, Error error) {
  call.audit.outcome(error);
  name_the_request(error, call);
  if (!error.detail.empty()) log::warn("gateway", "{}: {}", call.request_id, error.detail);
  set_headers(call);
  net::Headers& headers = call.exchange.reply_headers();
  headers.set("Content-Security-Policy", std::string(kPolicy));
  if (error.retry_after_s > 0) headers.set("Retry-After", std::to_string(error.retry_after_s));
  const bool zh = call.language == Language::Zh;
  const std::string text = escaped(text_of(error, call.language));
  const std::string title = zh ? "没有登录 · 星槎" : "Not logged in · Xingcha";
  std::string page = fmt::format(
      fmt::runtime(kPage), fmt::arg("lang", zh ? "zh-CN" : "en"), fmt::arg("title", title),
      fmt::arg("text", text), fmt::arg("back", zh ? "回到登录页" : "Back to the login page"),
      fmt::arg("id_label", zh ? "编号" : "Request"), fmt::arg("id", call.request_id));
  const int status = facts_of(error.code).http_status;
  Status replied =
      co_await call.exchange.reply(status, "text/html; charset=utf-8", std::move(page));
  co_return replied;
}

Task<Status> reply_redirect(Call& call, int status, std::string location) {
  set_headers(call);
  call.exchange.reply_headers().set("Location", location);
  call.audit.outcome(status);
  Status replied = co_await call.exchange.reply(status, {}, {});
  co_return replied;
}

}  // namespace xc::gateway

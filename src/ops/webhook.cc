#include "ops/webhook.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace xc::ops {
namespace {

namespace json = boost::json;

void put_time(json::object& out, std::string_view name, std::int64_t unix_ms) {
  out[name] = unix_ms == 0 ? json::value(nullptr) : json::value(unix_ms);
}

}  // namespace

std::string webhook_body(const AlarmEvent& event, const std::string& source) {
  const Alarm& alarm = event.alarm;
  const AlarmFacts& facts = facts_of(alarm.kind);
  json::object out{{"event", name_of(event.change)},
                   {"id", alarm.id},
                   {"alarm", facts.name},
                   {"severity", name_of(facts.severity)},
                   {"runbook", facts.runbook},
                   {"subject", alarm.subject},
                   {"detail", alarm.detail},
                   {"text", json::object{{"zh", sentence_of(alarm, Language::Zh)},
                                         {"en", sentence_of(alarm, Language::En)}}},
                   {"source", source}};
  put_time(out, "raised_unix_ms", alarm.raised_unix_ms);
  put_time(out, "cleared_unix_ms", alarm.cleared_unix_ms);
  put_time(out, "acknowledged_unix_ms", alarm.acknowledged_unix_ms);
  return json::serialize(out);
}

void sign_webhook(const std::string& secret, std::int64_t unix_s, const std::string& body,
                  net::Headers& headers) {
  const std::string timestamp = std::to_string(unix_s);
  const std::string text = timestamp + "." + body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  std::string hex = "v1=";
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", mac[i]);
  headers.set("X-Xingcha-Timestamp", timestamp);
  headers.set("X-Xingcha-Signature", hex);
}

}  // namespace xc::ops

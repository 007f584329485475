// Alarms as JSON for a webhook, signed so that the receiver knows who speaks.
#pragma once

#include <functional>
#include <string>

#include "net/http.h"
#include "ops/alarm.h"

namespace xc::ops {

// {"event":"raised","id":…,"alarm":"disk_low","severity":"major","runbook":"XC-A02","subject":…,
// "detail":…,"text":{"zh":…,"en":…},"raised_unix_ms":…,…,"source":…}. `source`: which installation.
std::string webhook_body(const AlarmEvent& event, const std::string& source);
// X-Xingcha-Timestamp: Unix seconds; X-Xingcha-Signature: "v1=" and the hex of
// HMAC-SHA256(secret, TIMESTAMP "." BODY). The receiver refuses old timestamps.
void sign_webhook(const std::string& secret, std::int64_t unix_s, const std::string& body,
                  net::Headers& headers);

}  // namespace xc::ops

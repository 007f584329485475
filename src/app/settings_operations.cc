// The settings of what stands around the requests: who may speak for a client, certificates towards
// endpoints, alarms, traces, the audit log's keeping.
#include <array>

#include "app/settings.h"
#include "base/limits.h"

namespace xc::app {
namespace {

using Kind = Setting::Kind;

constexpr std::array kSettings{
    Setting{Kind::List,
            "proxy_protocol.trusted",
            "--proxy-protocol-trusted",
            "XINGCHA_PROXY_PROTOCOL_TRUSTED",
            "",
            &Config::proxies,
            {"负载均衡器的地址段；来自它们的连接必须以 PROXY 协议头（v1 或 v2）开头；空：不接受",
             "Address ranges of load balancers, whose connections must begin with a PROXY protocol "
             "header (v1 or v2); empty: from nobody"}},
    Setting{Kind::Path,
            "endpoint_tls.ca",
            "--endpoint-ca",
            "XINGCHA_ENDPOINT_CA",
            "",
            &Config::endpoint_ca,
            {"除系统证书外，还信任其签发的端点证书（PEM）",
             "PEM authorities trusted for endpoints beside the system's"}},
    Setting{Kind::Path,
            "endpoint_tls.certificate",
            "--endpoint-certificate",
            "XINGCHA_ENDPOINT_CERTIFICATE",
            "",
            &Config::endpoint_certificate,
            {"向要求双向 TLS 的端点出示的证书链（PEM）",
             "PEM certificate chain shown to endpoints that ask for one (mTLS)"}},
    Setting{Kind::Path,
            "endpoint_tls.key",
            "--endpoint-key",
            "XINGCHA_ENDPOINT_KEY",
            "",
            &Config::endpoint_key,
            {"该证书的私钥（PEM）", "PEM private key of that certificate"}}};

}  // namespace

std::span<const Setting> operations_settings() { return kSettings; }

}  // namespace xc::app

// Spans as OTLP/HTTP JSON (opentelemetry-proto 1.x, ExportTraceServiceRequest).
#pragma once

#include <span>
#include <string>

#include "ops/trace.h"

namespace xc::ops {

struct TraceResource {
  std::string version;   // service.version
  std::string instance;  // service.instance.id
};
// The body of one POST to /v1/traces. Identifiers are hex and 64-bit numbers are strings, as the
// JSON mapping of OTLP demands.
std::string otlp_body(std::span<const Span> spans, const TraceResource& resource);

}  // namespace xc::ops

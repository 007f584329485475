#include "ops/otlp.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace xc::ops {
namespace {

namespace json = boost::json;

json::object text_attribute(std::string_view key, std::string_view value) {
  return {{"key", key}, {"value", json::object{{"stringValue", value}}}};
}

template <std::size_t N>
std::string hex_of(const std::array<std::uint8_t, N>& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

json::object rendered(const Span& span) {
  json::array attributes;
  for (const auto& [key, value] : span.texts) attributes.push_back(text_attribute(key, value));
  for (const auto& [key, value] : span.numbers) {
    attributes.push_back(
        json::object{{"key", key}, {"value", json::object{{"intValue", std::to_string(value)}}}});
  }
  json::object out{{"traceId", hex_of(span.self.trace)},
                   {"spanId", hex_of(span.self.span)},
                   {"name", span.name},
                   {"kind", static_cast<int>(span.kind)},
                   {"startTimeUnixNano", std::to_string(span.start_ns)},
                   {"endTimeUnixNano", std::to_string(span.end_ns)},
                   {"attributes", std::move(attributes)},
                   {"flags", span.self.sampled ? 1 : 0}};
  constexpr std::array<std::uint8_t, 8> kRoot{};
  if (span.parent != kRoot) out["parentSpanId"] = hex_of(span.parent);
  if (!span.state.empty()) out["traceState"] = span.state;
  if (span.failed) out["status"] = json::object{{"code", 2}};
  return out;
}

}  // namespace

std::string otlp_body(std::span<const Span> spans, const TraceResource& resource) {
  json::array list;
  for (const Span& span : spans) list.push_back(rendered(span));
  json::object scope{{"name", "xingcha"}, {"version", resource.version}};
  json::object scoped{{"scope", std::move(scope)}, {"spans", std::move(list)}};
  json::array attributes{text_attribute("service.name", "xingcha"),
                         text_attribute("service.version", resource.version),
                         text_attribute("service.instance.id", resource.instance)};
  json::object whole{{"resource", json::object{{"attributes", std::move(attributes)}}},
                     {"scopeSpans", json::array{std::move(scoped)}}};
  return json::serialize(json::object{{"resourceSpans", json::array{std::move(whole)}}});
}

}  // namespace xc::ops

// The traceparent header of any caller, and the addresses that operators write for receivers. No
// input breaks a reader, and what was accepted reads the same again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "ops/outbox.h"
#include "ops/syslog.h"
#include "ops/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::ops;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto parent = parse_traceparent(text)) {
    const std::string again = text_of(*parent);
    XC_ASSERT(again.size() == 55 && again.substr(3, 50) == text.substr(3, 50));
    XC_ASSERT(parse_traceparent(again));
  }
  if (const auto address = PostAddress::parse(text, "x")) {
    XC_ASSERT(address->query.empty() || address->query.front() == '?');
    XC_ASSERT(address->query.find_first_of(" \r\n") == std::string::npos);
  }
  if (const auto address = SyslogAddress::parse(text, "x")) {
    XC_ASSERT(address->way == SyslogAddress::Way::Stream || !address->datagram.text().empty());
  }
  return 0;
}

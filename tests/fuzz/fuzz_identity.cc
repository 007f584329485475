// What administrators send about keys and users: address ranges, patterns, names, one-time codes.
// No input breaks a reader, and what was accepted reads the same again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/address_range.h"
#include "base/assert.h"
#include "identity/columns.h"
#include "identity/scopes.h"
#include "identity/totp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xc::identity;
  using xc::AddressRange;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  const std::string first = text.substr(0, line);
  const std::string rest = line == std::string::npos ? "" : text.substr(line + 1);

  if (const auto range = AddressRange::parse(first)) {
    const std::string address = first.substr(0, first.find('/'));
    XC_ASSERT(range->contains(address));  // a range holds its own network address
    static_cast<void>(range->contains(rest));
  }
  const auto scopes = Scopes::of({split_list(first), {}, {}, split_list(rest)});
  if (scopes) {
    const Scopes::Texts& texts = scopes->texts();
    XC_ASSERT(split_list(join_list(texts.models)) == texts.models);
    XC_ASSERT(split_list(join_list(texts.sources)) == texts.sources);
    static_cast<void>(scopes->allows_model(rest));
    static_cast<void>(scopes->allows_source(rest));
  }
  XC_ASSERT(glob_matches("*", text));
  static_cast<void>(glob_matches(first.substr(0, 128), rest.substr(0, 4096)));
  static_cast<void>(check_name("name", first));
  static_cast<void>(check_label("name", first));
  if (const auto bytes = bytes_of_base32(first)) {
    const std::string again = base32_of(*bytes);
    XC_ASSERT(bytes_of_base32(again) == bytes);
  }
  XC_ASSERT(!totp_step(first, rest, 1'700'000'000'000, 1LL << 60));  // every step was seen
  return 0;
}

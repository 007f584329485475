#include "fleet/pool_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/address_range.h"
#include "net/link_local.h"

namespace xc::fleet {
namespace {

constexpr std::array<std::string_view, 4> kSecrecies{"public", "internal", "confidential",
                                                     "secret"};
constexpr std::array<std::string_view, 3> kStates{"active", "paused", "draining"};

template <typename T, std::size_t N>
std::optional<T> named(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<T>(found - names.begin());
}

std::unexpected<Error> bad(std::string_view field, std::string_view value, std::string wanted) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {std::string(field), std::string(value.substr(0, 64)), std::move(wanted)});
}

bool is_low(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Names go into labels of metrics, addresses and records.
Status check_name(std::string_view field, std::string_view name) {
  const auto fits = [](char c) { return is_low(c) || c == '.' || c == '_' || c == '-'; };
  const bool good = !name.empty() && name.size() <= limits::kTenantNameBytesMax &&
                    is_low(name.front()) && std::ranges::all_of(name, fits);
  if (good) return {};
  return bad(field, name, fmt::format("a-z 0-9 . _ -, 1 … {} bytes", limits::kTenantNameBytesMax));
}

Status check_text(std::string_view field, std::string_view text, std::size_t least,
                  std::size_t most) {
  const auto odd = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.size() >= least && text.size() <= most && std::ranges::none_of(text, odd)) return {};
  return bad(field, text, fmt::format("{} … {} bytes, no control characters", least, most));
}

Status check_number(std::string_view field, std::int64_t value, std::int64_t low,
                    std::int64_t high) {
  if (value >= low && value <= high) return {};
  return bad(field, std::to_string(value), fmt::format("{} … {}", low, high));
}

// A secret that fits a header: anything else could end the header and begin another.
Status check_key(std::string_view key) {
  const auto plain = [](char c) { return c > 0x20 && c < 0x7f; };
  if (key.size() <= limits::kEndpointKeyBytesMax && std::ranges::all_of(key, plain)) return {};
  return bad("key", "…",
             fmt::format("ASCII without blanks, {} bytes", limits::kEndpointKeyBytesMax));
}

// People copy the base URL of a client, which ends in /v1.
Status check_url(EndpointRow& row) {
  XC_CHECK(check_text("url", row.url, 1, limits::kEndpointUrlBytesMax));
  while (row.url.ends_with('/')) row.url.pop_back();
  if (row.url.ends_with("/v1")) row.url.resize(row.url.size() - 3);
  XC_TRY(const net::Origin origin, net::Origin::parse(row.url));
  if (!origin.unix_path.empty()) return bad("url", row.url, "http://… https://…");
  if (row.link_local || !net::is_link_local(origin.host)) return {};
  return bad("url", row.url, "link_local = true for link-local and metadata addresses");
}

}  // namespace

std::string_view name_of(Secrecy secrecy) { return kSecrecies[static_cast<std::size_t>(secrecy)]; }
std::optional<Secrecy> secrecy_of(std::string_view name) {
  return named<Secrecy>(kSecrecies, name);
}
std::string_view name_of(EndpointState state) { return kStates[static_cast<std::size_t>(state)]; }
std::optional<EndpointState> endpoint_state_of(std::string_view name) {
  return named<EndpointState>(kStates, name);
}

Status check(const PoolRow& row) {
  XC_CHECK(check_name("pool", row.name));
  XC_CHECK(check_text("region", row.region, 0, limits::kTenantNameBytesMax));
  return check_text("hardware", row.hardware, 0, limits::kKeyNameBytesMax);
}

Status check(EndpointRow& row) {
  XC_CHECK(check_name("endpoint", row.name));
  XC_CHECK(check_name("pool", row.pool));
  if (row.pool == kLocalPool) return bad("pool", row.pool, "not local: it has workers");
  XC_CHECK(check_url(row));
  XC_CHECK(check_key(row.key));
  if (row.continues && !schema::can_continue(row.vendor)) {
    return bad("continues", "true", fmt::format("not for {}", schema::name_of(row.vendor)));
  }
  XC_CHECK(check_number("rank", row.rank, 0, limits::kEndpointPriceMax));
  XC_CHECK(check_number("price", row.price, 0, limits::kEndpointPriceMax));
  XC_CHECK(
      check_number("start_timeout_ms", row.start_timeout_ms, 1, limits::kEndpointTimeoutMsMax));
  return check_number("stall_timeout_ms", row.stall_timeout_ms, 1, limits::kEndpointTimeoutMsMax);
}

Status check(const ModelRoute& row) {
  XC_CHECK(check_text("model", row.model, 1, limits::kModelNameBytesMax));
  XC_CHECK(check_name("pool", row.pool));
  XC_CHECK(check_text("target", row.target, 1, limits::kModelNameBytesMax));
  XC_CHECK(check_number("hedge_ms", row.hedge_ms, 0, limits::kHedgeMsMax));
  return check_number("weight", row.weight, 0, limits::kRouteWeightMax);
}

Status check(const Clearance& row) {
  XC_CHECK(check_name("tenant", row.tenant));
  return check_text("region", row.region, 0, limits::kTenantNameBytesMax);
}

}  // namespace xc::fleet

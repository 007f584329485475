// What operators say of pools, endpoints and the ways to them: plain data, and what is allowed in
// it. The table is small and whole in memory; pool_store.h keeps it, pools.h acts on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "fleet/pool_choice.h"
#include "net/client.h"
#include "schema/dialect.h"

namespace xc::fleet {

// What a pool may be shown, and what a request is. A pool takes what is at most its own class.
enum class Secrecy : std::uint8_t { Public, Internal, Confidential, Secret };
std::string_view name_of(Secrecy secrecy);
std::optional<Secrecy> secrecy_of(std::string_view name);
inline constexpr std::string_view kSecrecyNames = "public, internal, confidential, secret";

// The workers of this machine. It is there without a row: cleared for everything, of no region.
inline constexpr std::string_view kLocalPool = "local";

// Draining and paused take nothing new and let go on what runs; a paused one is not probed either.
enum class EndpointState : std::uint8_t { Active, Paused, Draining };
std::string_view name_of(EndpointState state);
std::optional<EndpointState> endpoint_state_of(std::string_view name);

struct PoolRow {
  std::string name;
  std::string region;    // "" says none
  std::string hardware;  // for people
  Secrecy secrecy = Secrecy::Public;
  Policy policy = Policy::Affinity;
  bool operator==(const PoolRow&) const = default;
};
struct EndpointRow {
  std::string name;
  std::string pool;
  std::string url;  // http://…, https://… without /v1
  schema::Vendor vendor = schema::Vendor::OpenAi;
  std::string key;     // the endpoint's, sent as a bearer; never shown, never logged
  std::string unread;  // its key as the database has it, when it could not be opened; then no key
  EndpointState state = EndpointState::Active;
  std::int64_t rank = 0;
  std::int64_t price = 0;  // micro-yuan for a million tokens; to compare endpoints, not to bill
  int start_timeout_ms = limits::kEndpointStartTimeoutMs;  // to the first token
  int stall_timeout_ms = limits::kEndpointStallTimeoutMs;  // between tokens
  bool continues = false;   // goes on with an answer that broke off elsewhere in its pool
  bool link_local = false;  // its address may be link-local or a cloud's metadata service
  bool operator==(const EndpointRow&) const = default;
};
// A model as callers name it, and one of the places that serve it.
struct ModelRoute {
  std::string model;
  std::string pool;
  std::string target;  // the model's name there
  int weight = 1;      // its share; 0: only when the others fail
  int hedge_ms = 0;    // of the model, the same in all of its rows (pools.h); 0: off
  bool operator==(const ModelRoute&) const = default;
};
// What every request of a tenant needs of a pool.
struct Clearance {
  std::string tenant;
  Secrecy secrecy = Secrecy::Public;
  std::string region;  // "" any
  bool operator==(const Clearance&) const = default;
};

struct PoolTable {
  std::vector<PoolRow> pools;
  std::vector<EndpointRow> endpoints;
  std::vector<ModelRoute> routes;
  std::vector<Clearance> clearances;
  bool empty() const {
    return pools.empty() && endpoints.empty() && routes.empty() && clearances.empty();
  }
};

// Errors: BadSetting that names the field; a check of an endpoint also brings its URL into the form
// that is kept. An address that is link-local or a metadata service's is refused unless the row
// says link_local (SSRF: DESIGN §6); names are looked at again when they are resolved.
Status check(const PoolRow& row);
Status check(EndpointRow& row);
Status check(const ModelRoute& row);
Status check(const Clearance& row);

}  // namespace xc::fleet

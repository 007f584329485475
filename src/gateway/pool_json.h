// Pools, endpoints, routes and clearances as administrators write and read them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/pools.h"

namespace xc::gateway {

// Each changes what the JSON names and leaves the rest of the row. Error: as schema::read_body, or
// the field at fault; whether the row is valid is for the table's own checks.
Status read_pool(std::string_view json, fleet::PoolRow& row);
// Also checks the row: its URL comes into the form that is kept. A key does not follow its endpoint
// to another address.
Status read_endpoint(std::string_view json, fleet::EndpointRow& row);
Status read_clearance(std::string_view json, fleet::Clearance& row);
// All targets of a model.
Result<std::vector<fleet::ModelRoute>> routes_of(std::string_view json, const std::string& model);

// The table in force with what is known of its endpoints; no key is in it.
std::string json_of(const fleet::Pools& pools);

// What was set, for records; of an endpoint's key only whether it has one.
std::string text_of(const fleet::PoolRow& row);
std::string text_of(const fleet::EndpointRow& row);
std::string text_of(const std::vector<fleet::ModelRoute>& routes);
std::string text_of(const fleet::Clearance& row);

}  // namespace xc::gateway

// Pools, endpoints, routes of models and clearances of tenants, through the running server.
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <iostream>

#include "app/api_client.h"
#include "app/command.h"
#include "app/terminal.h"
#include "base/limits.h"

namespace xc::app {
namespace {

namespace json = boost::json;

struct PoolFlags {
  std::string name;
  std::string region, hardware, secrecy, policy;    // of pools and clearances
  std::string pool, url, vendor, state, continues;  // of endpoints
  std::optional<int> rank, price, start_ms, stall_ms, hedge_ms;
  std::vector<std::string> targets;
  bool key_stdin = false, link_local = false, json = false;
};
using Flags = std::shared_ptr<PoolFlags>;

Result<std::string> call(const Surroundings& here, std::string_view method, std::string target,
                         const json::object& body) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const ApiClient api(std::move(credentials), here.language);
  return api.call(method, std::move(target), body.empty() ? "{}" : json::serialize(body));
}

void put(json::object& body, std::string_view name, const std::string& value) {
  if (!value.empty()) body[name] = value;
}
void put(json::object& body, std::string_view name, const std::optional<int>& value) {
  if (value) body[name] = *value;
}

// The text of a cell; numbers and flags as JSON has them.
std::string cell(const json::object& row, std::string_view name) {
  const json::value* value = row.if_contains(name);
  if (value == nullptr) return "-";
  if (!value->is_string()) return json::serialize(*value);
  return value->as_string().empty() ? "-" : std::string(value->as_string());
}

void print_table(const json::object& document, std::string_view list,
                 const std::vector<std::string>& columns) {
  const json::value* rows = document.if_contains(list);
  if (rows == nullptr || !rows->is_array() || rows->as_array().empty()) return;
  Table table;
  table.add(columns);
  for (const json::value& row : rows->as_array()) {
    if (!row.is_object()) continue;
    std::vector<std::string> cells;
    for (const std::string& column : columns) cells.push_back(cell(row.as_object(), column));
    table.add(std::move(cells));
  }
  fmt::print("{}\n", table.text());
}

Result<int> list(const Surroundings& here, const PoolFlags& flags) {
  XC_TRY(Credentials credentials, credentials_of(here.home));
  const ApiClient api(std::move(credentials), here.language);
  XC_TRY(const std::string body, api.call("GET", "/admin/pools"));
  boost::system::error_code error;
  const json::value document = json::parse(body, error);
  if (flags.json || error || !document.is_object()) {
    fmt::print("{}\n", body);
    return kExitFine;
  }
  const json::object& all = document.as_object();
  print_table(all, "pools", {"name", "region", "secrecy", "policy", "hardware"});
  print_table(all, "endpoints",
              {"name", "pool", "vendor", "url", "state", "breaker", "down", "running", "done",
               "failed", "busy"});
  print_table(all, "routes", {"model", "pool", "target", "weight", "hedge_ms"});
  print_table(all, "clearances", {"tenant", "secrecy", "region"});
  return kExitFine;
}

Result<int> change(const Surroundings& here, std::string_view method, const std::string& target,
                   const json::object& body) {
  XC_TRY(const std::string said, call(here, method, target, body));
  static_cast<void>(said);
  fmt::print("{}\n", texts::PoolDone.in(here.language));
  return kExitFine;
}

Result<int> set_pool(const Surroundings& here, const PoolFlags& flags) {
  json::object body;
  put(body, "region", flags.region);
  put(body, "hardware", flags.hardware);
  put(body, "secrecy", flags.secrecy);
  put(body, "policy", flags.policy);
  return change(here, "PUT", "/admin/pools/" + path_escaped(flags.name), body);
}

Result<int> set_endpoint(const Surroundings& here, const PoolFlags& flags) {
  json::object body;
  put(body, "pool", flags.pool);
  put(body, "url", flags.url);
  put(body, "vendor", flags.vendor);
  put(body, "state", flags.state);
  put(body, "rank", flags.rank);
  put(body, "price", flags.price);
  put(body, "start_timeout_ms", flags.start_ms);
  put(body, "stall_timeout_ms", flags.stall_ms);
  if (!flags.continues.empty()) body["continues"] = flags.continues == "yes";
  if (flags.link_local) body["link_local"] = true;
  if (flags.key_stdin) {  // not as an argument: those are seen by everybody on the machine
    std::string key;
    std::getline(std::cin, key);
    body["key"] = key;
  }
  return change(here, "PUT", "/admin/endpoints/" + path_escaped(flags.name), body);
}

// POOL, POOL=MODEL or POOL=MODEL@WEIGHT.
json::object target_of(std::string_view text) {
  json::object target;
  const std::size_t equals = text.find('=');
  target["pool"] = text.substr(0, equals);
  if (equals == std::string_view::npos) return target;
  std::string_view model = text.substr(equals + 1);
  const std::size_t at = model.rfind('@');
  if (at != std::string_view::npos) {
    target["weight"] = std::atoi(std::string(model.substr(at + 1)).c_str());
    model = model.substr(0, at);
  }
  if (!model.empty()) target["model"] = model;
  return target;
}

Result<int> set_route(const Surroundings& here, const PoolFlags& flags) {
  json::array targets;
  for (const std::string& text : flags.targets) targets.push_back(target_of(text));
  json::object body{{"targets", std::move(targets)}};
  put(body, "hedge_ms", flags.hedge_ms);
  return change(here, "PUT", "/admin/routes/" + path_escaped(flags.name), body);
}

Result<int> set_clearance(const Surroundings& here, const PoolFlags& flags) {
  json::object body;
  put(body, "secrecy", flags.secrecy);
  put(body, "region", flags.region);
  return change(here, "PUT", "/admin/clearances/" + path_escaped(flags.name), body);
}

Option text_option(std::string name, std::string value, const Bilingual& help,
                   std::string& target) {
  return {.name = std::move(name), .value = std::move(value), .help = help, .target = &target};
}

Option name_option(std::string label, const Bilingual& help, const Flags& flags) {
  return {.name = label, .value = label, .help = help, .target = &flags->name, .required = true};
}

}  // namespace

Command pool_command() {
  const auto flags = std::make_shared<PoolFlags>();
  const Option name = name_option("POOL", texts::HelpPoolName, flags);
  const Option region = text_option("--region", "REGION", texts::HelpPoolRegion, flags->region);
  Option secrecy = text_option("--secrecy", "CLASS", texts::HelpPoolSecrecy, flags->secrecy);
  secrecy.choices = {"public", "internal", "confidential", "secret"};
  Command all{"list", texts::HelpPoolList};
  all.options = {{.name = "--json", .value = "", .help = texts::HelpJson, .target = &flags->json}};
  all.run = [flags](const Surroundings& here) { return list(here, *flags); };
  Command set{"set", texts::HelpPoolSet, {name, region, secrecy}};
  set.options.push_back(
      text_option("--hardware", "TEXT", texts::HelpPoolHardware, flags->hardware));
  set.options.push_back(text_option("--policy", "POLICY", texts::HelpPoolPolicy, flags->policy));
  set.options.back().choices = {"affinity", "least", "price", "order"};
  set.run = [flags](const Surroundings& here) { return set_pool(here, *flags); };
  Command remove{"rm", texts::HelpPoolRemove, {name}};
  remove.run = [flags](const Surroundings& here) {
    return change(here, "POST", "/admin/pools/" + path_escaped(flags->name) + "/remove", {});
  };
  Command route{"route", texts::HelpPoolRoute, {name_option("MODEL", texts::HelpPoolModel, flags)}};
  route.options.push_back({.name = "TARGET",
                           .value = "POOL=MODEL@WEIGHT",
                           .help = texts::HelpPoolTargets,
                           .target = &flags->targets});
  route.options.push_back({.name = "--hedge-ms",
                           .value = "N",
                           .help = texts::HelpPoolHedge,
                           .target = &flags->hedge_ms,
                           .low = 0,
                           .high = limits::kHedgeMsMax});
  route.run = [flags](const Surroundings& here) { return set_route(here, *flags); };
  Command clear{"clearance",
                texts::HelpPoolClearance,
                {name_option("TENANT", texts::HelpTenantName, flags), region, secrecy}};
  clear.run = [flags](const Surroundings& here) { return set_clearance(here, *flags); };
  Command command{"pool", texts::HelpPool};
  command.commands = {all, set, remove, route, clear};
  return command;
}

Command endpoint_command() {
  const auto flags = std::make_shared<PoolFlags>();
  const Option name = name_option("ENDPOINT", texts::HelpEndpointName, flags);
  Command set{"set", texts::HelpEndpointSet, {name}};
  const auto number = [&set](std::string option, const Bilingual& help,
                             std::optional<int>& target) {
    set.options.push_back({.name = std::move(option),
                           .value = "N",
                           .help = help,
                           .target = &target,
                           .low = 0,
                           .high = 2'000'000'000});
  };
  set.options.push_back(text_option("--pool", "POOL", texts::HelpPoolName, flags->pool));
  set.options.push_back(text_option("--url", "URL", texts::HelpEndpointUrl, flags->url));
  set.options.push_back(
      text_option("--vendor", "VENDOR", texts::HelpEndpointVendor, flags->vendor));
  set.options.push_back(text_option("--state", "STATE", texts::HelpEndpointState, flags->state));
  set.options.back().choices = {"active", "paused", "draining"};
  number("--rank", texts::HelpEndpointRank, flags->rank);
  number("--price", texts::HelpEndpointPrice, flags->price);
  number("--start-timeout-ms", texts::HelpEndpointStart, flags->start_ms);
  number("--stall-timeout-ms", texts::HelpEndpointStall, flags->stall_ms);
  set.options.push_back({.name = "--key-stdin",
                         .value = "",
                         .help = texts::HelpEndpointKey,
                         .target = &flags->key_stdin});
  set.options.push_back(
      text_option("--continues", "yes|no", texts::HelpEndpointContinues, flags->continues));
  set.options.back().choices = {"yes", "no"};
  set.options.push_back({.name = "--link-local",
                         .value = "",
                         .help = texts::HelpEndpointLinkLocal,
                         .target = &flags->link_local});
  set.run = [flags](const Surroundings& here) { return set_endpoint(here, *flags); };
  Command remove{"rm", texts::HelpEndpointRemove, {name}};
  remove.run = [flags](const Surroundings& here) {
    return change(here, "POST", "/admin/endpoints/" + path_escaped(flags->name) + "/remove", {});
  };
  Command command{"endpoint", texts::HelpEndpoint};
  command.commands = {set, remove};
  return command;
}

}  // namespace xc::app

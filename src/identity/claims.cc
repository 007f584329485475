#include "identity/claims.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/limits.h"
#include "identity/columns.h"

namespace xc::identity {
namespace {

namespace json = boost::json;

const json::value* find_claim(const json::object& claims, std::string_view path) {
  if (const json::value* whole = claims.if_contains(path)) return whole;
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const json::value* inner = claims.if_contains(path.substr(0, dot));
  if (inner == nullptr || !inner->is_object()) return nullptr;
  return find_claim(inner->get_object(), path.substr(dot + 1));
}

// A text, or the texts of a list.
std::vector<std::string> values_of(const json::object& claims, std::string_view path) {
  std::vector<std::string> values;
  const json::value* claim = find_claim(claims, path);
  if (claim == nullptr) return values;
  if (claim->is_string()) values.emplace_back(claim->get_string());
  if (const json::array* list = claim->if_array()) {
    for (const json::value& item : *list) {
      if (values.size() == limits::kOidcClaimItemsMax) break;
      if (item.is_string()) values.emplace_back(item.get_string());
    }
  }
  return values;
}

json::object object_in(std::string_view claims) {
  boost::system::error_code failed;
  json::value value = json::parse(claims, failed);
  if (failed || !value.is_object()) return {};
  return std::move(value.get_object());
}

Result<std::string> tenant_of(const json::object& claims, const ClaimRules& rules) {
  if (rules.tenant_claim.empty()) return rules.tenant;
  const std::vector<std::string> values = values_of(claims, rules.tenant_claim);
  // One tenant must come of it: with several values the first row decides.
  for (const auto& [value, tenant] : rules.tenants) {
    if (std::ranges::find(values, value) != values.end()) return tenant;
  }
  const std::string said = values.empty() ? std::string() : values.front().substr(0, 64);
  if (!rules.tenants.empty() || values.size() != 1) {
    return fail(Code::Forbidden, Message::OidcNoTenant, {said});
  }
  return values.front();
}

bool is_label_byte(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }

std::unexpected<Error> bad_rule(std::string_view text, std::string_view where,
                                std::string_view wanted) {
  return fail(Code::InvalidRequest, Message::BadSetting,
              {std::string(where), std::string(text), std::string(wanted)});
}

}  // namespace

Result<Placement> placement_of(std::string_view text, const ClaimRules& rules) {
  const json::object claims = object_in(text);
  Placement placement;
  XC_TRY(placement.tenant, tenant_of(claims, rules));
  if (rules.roles.empty()) return placement;
  const std::vector<std::string> values = values_of(claims, rules.role_claim);
  for (const auto& [value, role] : rules.roles) {
    if (std::ranges::find(values, value) == values.end()) continue;
    if (role == Role::PlatformAdmin && placement.tenant != kFirstTenant) continue;
    placement.role = role;
    return placement;
  }
  return fail(Code::Forbidden, Message::OidcNoRole);
}

std::string shown_name(std::string_view text, std::string_view subject) {
  const json::object claims = object_in(text);
  for (const std::string_view claim : {"preferred_username", "email", "name"}) {
    const json::value* value = claims.if_contains(claim);
    if (value == nullptr || !value->is_string()) continue;
    std::string name(value->get_string());
    std::erase_if(name, [](char c) { return !is_label_byte(c); });
    if (name.empty()) continue;
    if (name.size() > limits::kKeyNameBytesMax) {
      std::size_t cut = limits::kKeyNameBytesMax;
      while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0) == 0x80) --cut;
      name.resize(cut);
    }
    return name;
  }
  return std::string(subject.substr(0, limits::kKeyNameBytesMax));
}

Result<std::pair<std::string, Role>> role_rule(std::string_view text, std::string_view where) {
  const std::size_t equals = text.rfind('=');
  const std::optional<Role> role =
      equals == std::string_view::npos ? std::nullopt : role_of_name(text.substr(equals + 1));
  if (equals == 0 || !role || *role == Role::None) {
    return bad_rule(text, where,
                    "VALUE=platform_admin | tenant_admin | developer | auditor | safety_officer");
  }
  return std::pair(std::string(text.substr(0, equals)), *role);
}

Result<std::pair<std::string, std::string>> tenant_rule(std::string_view text,
                                                        std::string_view where) {
  const std::size_t equals = text.rfind('=');
  if (equals == 0 || equals == std::string_view::npos ||
      !check_name("tenant", text.substr(equals + 1))) {
    return bad_rule(text, where, "VALUE=TENANT");
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

}  // namespace xc::identity

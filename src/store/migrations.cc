#include "store/migrations.h"

namespace xc::store {
namespace {

Migration keys_step() {
  return {1,
          "api keys",
          {"CREATE TABLE api_keys ("
           "id TEXT NOT NULL PRIMARY KEY, "
           "name TEXT NOT NULL, "
           "prefix TEXT NOT NULL, "
           "hash TEXT NOT NULL UNIQUE, "  // hex SHA-256 of the key
           "tenant TEXT NOT NULL, "
           "created_unix_ms BIGINT NOT NULL, "
           "revoked_unix_ms BIGINT)"}};
}

Migration identity_step() {
  return {2,
          "tenants, workspaces, scopes of keys, users",
          {"CREATE TABLE tenants ("
           "name TEXT NOT NULL PRIMARY KEY, "
           "id TEXT NOT NULL UNIQUE, "  // 32 hex digits
           "created_unix_ms BIGINT NOT NULL, "
           "suspended_unix_ms BIGINT)",
           "CREATE TABLE workspaces ("
           "tenant TEXT NOT NULL REFERENCES tenants (name), "
           "name TEXT NOT NULL, "
           "id TEXT NOT NULL UNIQUE, "
           "created_unix_ms BIGINT NOT NULL, "
           "PRIMARY KEY (tenant, name))",
           "INSERT INTO tenants (name, id, created_unix_ms) "
           "VALUES ('default', '00000000000000000000000000000001', 0)",
           "INSERT INTO workspaces (tenant, name, id, created_unix_ms) "
           "VALUES ('default', 'default', '00000000000000000000000000000002', 0)",
           "ALTER TABLE api_keys ADD COLUMN workspace TEXT NOT NULL DEFAULT 'default'",
           "ALTER TABLE api_keys ADD COLUMN role TEXT NOT NULL DEFAULT 'none'",
           // Patterns joined by commas; empty: no restriction.
           "ALTER TABLE api_keys ADD COLUMN models TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE api_keys ADD COLUMN routes TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE api_keys ADD COLUMN pools TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE api_keys ADD COLUMN sources TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE api_keys ADD COLUMN expires_unix_ms BIGINT",
           "ALTER TABLE api_keys ADD COLUMN last_used_unix_ms BIGINT",
           // The secret before the last rotation, and how long it stays valid.
           "ALTER TABLE api_keys ADD COLUMN old_hash TEXT",
           "ALTER TABLE api_keys ADD COLUMN old_until_unix_ms BIGINT",
           // Before roles, every key of the first tenant could do all.
           "UPDATE api_keys SET role = 'platform_admin' WHERE tenant = 'default'",
           "CREATE TABLE users ("
           "id TEXT NOT NULL PRIMARY KEY, "
           "tenant TEXT NOT NULL REFERENCES tenants (name), "
           "name TEXT NOT NULL, "
           "role TEXT NOT NULL, "
           "password_hash TEXT NOT NULL, "          // argon2id, encoded with its parameters
           "totp_secret TEXT, "                     // base32, sealed
           "totp_step BIGINT NOT NULL DEFAULT 0, "  // of the last code: each works once
           "failures BIGINT NOT NULL DEFAULT 0, "
           "locked_until_unix_ms BIGINT, "
           "created_unix_ms BIGINT NOT NULL, "
           "last_login_unix_ms BIGINT, "
           "disabled_unix_ms BIGINT, "
           "UNIQUE (tenant, name))",
           "CREATE TABLE sessions ("
           "hash TEXT NOT NULL PRIMARY KEY, "  // hex SHA-256 of the token
           "user_id TEXT NOT NULL REFERENCES users (id), "
           "created_unix_ms BIGINT NOT NULL, "
           "expires_unix_ms BIGINT NOT NULL)",
           // Counts changes of all of these, so that other processes notice cheaply.
           "CREATE TABLE identity_state (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)",
           "INSERT INTO identity_state (name, value) VALUES ('changes', 0)"}};
}

Migration quota_step() {
  return {3,
          "quotas, prices, usage",
          {"CREATE TABLE quotas ("
           "scope TEXT NOT NULL, "  // key, workspace, tenant, model
           "name TEXT NOT NULL, "
           "meter TEXT NOT NULL, "
           "granted BIGINT NOT NULL, "
           "alert_percent BIGINT NOT NULL, "
           "PRIMARY KEY (scope, name, meter))",
           "CREATE TABLE prices ("
           "model TEXT NOT NULL PRIMARY KEY, "
           "input BIGINT NOT NULL, "  // micro-yuan for a million tokens
           "cached BIGINT NOT NULL, "
           "output BIGINT NOT NULL)",
           "CREATE TABLE usage_hours ("
           "hour BIGINT NOT NULL, "  // since 1970
           "tenant TEXT NOT NULL, "
           "workspace TEXT NOT NULL, "
           "key_id TEXT NOT NULL, "
           "model TEXT NOT NULL, "
           "ended TEXT NOT NULL, "
           "requests BIGINT NOT NULL, "
           "prompt_tokens BIGINT NOT NULL, "
           "cached_tokens BIGINT NOT NULL, "
           "completion_tokens BIGINT NOT NULL, "
           "cost_micro BIGINT NOT NULL, "
           "PRIMARY KEY (hour, tenant, workspace, key_id, model, ended))",
           // How far each audit log was added up.
           "CREATE TABLE usage_cursors ("
           "log TEXT NOT NULL PRIMARY KEY, "
           "next_leaf BIGINT NOT NULL, "
           "open_from BIGINT NOT NULL)"}};
}

Migration pools_step() {
  return {4,
          "pools, endpoints, routes of models, clearances",
          {"CREATE TABLE pools ("
           "name TEXT NOT NULL PRIMARY KEY, "
           "region TEXT NOT NULL, "
           "hardware TEXT NOT NULL, "
           "secrecy TEXT NOT NULL, "
           "policy TEXT NOT NULL)",
           "CREATE TABLE endpoints ("
           "name TEXT NOT NULL PRIMARY KEY, "
           "pool TEXT NOT NULL, "
           "url TEXT NOT NULL, "
           "vendor TEXT NOT NULL, "
           "secret TEXT NOT NULL, "  // the endpoint's key, sent to it
           "state TEXT NOT NULL, "
           "rank BIGINT NOT NULL, "
           "price BIGINT NOT NULL, "
           "start_timeout_ms BIGINT NOT NULL, "
           "stall_timeout_ms BIGINT NOT NULL, "
           "link_local BIGINT NOT NULL)",
           "CREATE TABLE model_routes ("
           "model TEXT NOT NULL, "
           "position BIGINT NOT NULL, "
           "pool TEXT NOT NULL, "
           "target TEXT NOT NULL, "
           "weight BIGINT NOT NULL, "
           "PRIMARY KEY (model, position))",
           "CREATE TABLE clearances ("
           "tenant TEXT NOT NULL PRIMARY KEY, "
           "secrecy TEXT NOT NULL, "
           "region TEXT NOT NULL)",
           "CREATE TABLE pool_state (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)",
           "INSERT INTO pool_state (name, value) VALUES ('changes', 0)"}};
}

Migration shared_budgets_step() {
  return {5,
          "budgets that several gateways share",
          {// What all have used of a budget in its period (a day or a month), for budgets that were
           // asked for in it. Changes together with usage_hours.
           "CREATE TABLE budget_pots ("
           "scope TEXT NOT NULL, "
           "name TEXT NOT NULL, "
           "meter TEXT NOT NULL, "
           "period BIGINT NOT NULL, "
           "settled BIGINT NOT NULL, "
           "PRIMARY KEY (scope, name, meter))",
           // What a gateway (its audit log) may use of it, and has: taken - used is set aside.
           "CREATE TABLE budget_leases ("
           "log TEXT NOT NULL, "
           "scope TEXT NOT NULL, "
           "name TEXT NOT NULL, "
           "meter TEXT NOT NULL, "
           "period BIGINT NOT NULL, "
           "taken BIGINT NOT NULL, "
           "used BIGINT NOT NULL, "
           "renewed_unix_ms BIGINT NOT NULL, "
           "PRIMARY KEY (log, scope, name, meter))",
           "CREATE INDEX budget_leases_by_budget ON budget_leases (scope, name, meter)",
           // Those that run.
           "CREATE TABLE gateways ("
           "log TEXT NOT NULL PRIMARY KEY, "
           "renewed_unix_ms BIGINT NOT NULL)",
           "INSERT INTO identity_state (name, value) VALUES ('quota_changes', 0)"}};
}

Migration oidc_step() {
  return {6,
          "users of an OpenID provider",
          {// Who a provider's subject is here: one user in each tenant that it was ever placed in.
           "CREATE TABLE user_links ("
           "issuer TEXT NOT NULL, "
           "subject TEXT NOT NULL, "
           "tenant TEXT NOT NULL REFERENCES tenants (name), "
           "user_id TEXT NOT NULL REFERENCES users (id), "
           "created_unix_ms BIGINT NOT NULL, "
           "PRIMARY KEY (issuer, subject, tenant))",
           "CREATE INDEX user_links_user ON user_links (user_id)",
           // Logins that came back: each works once. `claim`: which request was first.
           "CREATE TABLE oidc_states ("
           "hash TEXT NOT NULL PRIMARY KEY, "
           "claim TEXT NOT NULL, "
           "expires_unix_ms BIGINT NOT NULL)",
           // Keys that all gateways of this database share, as hex, sealed.
           "CREATE TABLE identity_secrets (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)"}};
}

Migration pool_courses_step() {
  return {7,
          "endpoints that go on with answers, hedged models",
          {"ALTER TABLE endpoints ADD COLUMN continues BIGINT NOT NULL DEFAULT 0",
           // Of the model: the same in all of its rows.
           "ALTER TABLE model_routes ADD COLUMN hedge_ms BIGINT NOT NULL DEFAULT 0"}};
}

// A primary key does not change in place.
Migration usage_places_step() {
  return {8,
          "usage by pool and endpoint",
          {"ALTER TABLE usage_hours RENAME TO usage_hours_before",
           "CREATE TABLE usage_hours ("
           "hour BIGINT NOT NULL, "  // since 1970
           "tenant TEXT NOT NULL, "
           "workspace TEXT NOT NULL, "
           "key_id TEXT NOT NULL, "
           "model TEXT NOT NULL, "
           "ended TEXT NOT NULL, "
           "pool TEXT NOT NULL, "      // empty: no pool had a say
           "endpoint TEXT NOT NULL, "  // empty: a worker of the gateway's machine
           "requests BIGINT NOT NULL, "
           "prompt_tokens BIGINT NOT NULL, "
           "cached_tokens BIGINT NOT NULL, "
           "completion_tokens BIGINT NOT NULL, "
           "cost_micro BIGINT NOT NULL, "
           "PRIMARY KEY (hour, tenant, workspace, key_id, model, ended, pool, endpoint))",
           "INSERT INTO usage_hours "
           "SELECT hour, tenant, workspace, key_id, model, ended, '', '', requests, "
           "prompt_tokens, cached_tokens, completion_tokens, cost_micro FROM usage_hours_before",
           "DROP TABLE usage_hours_before"}};
}

Migration audit_content_step() {
  return {9,
          "what the audit log keeps of a tenant's calls",
          {"ALTER TABLE tenants ADD COLUMN audit_content TEXT NOT NULL DEFAULT 'none'"}};
}

// An authenticator waits here, sealed, for its first right code.
Migration new_authenticators_step() {
  return {10, "authenticators that wait", {"ALTER TABLE users ADD COLUMN totp_waiting TEXT"}};
}

}  // namespace

std::span<const Migration> all_migrations() {
  static const std::vector<Migration> steps{keys_step(),           identity_step(),
                                            quota_step(),          pools_step(),
                                            shared_budgets_step(), oidc_step(),
                                            pool_courses_step(),   usage_places_step(),
                                            audit_content_step(),  new_authenticators_step()};
  return steps;
}

}  // namespace xc::store

// Tenants, workspaces, keys and users over HTTP. Who may come here at all is access.h; within a
// route, what the caller does not reach is answered exactly as if it were not there.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> log_in(Call& call);  // needs no key
// How one can log in, and who is in already by the console's cookie; needs no key.
Task<Status> show_login(Call& call);
// Who logged in gets a leaf before the reply and is the caller from now on.
Status record_login(Call& call, const identity::UserRecord& user);
Task<Status> log_out(Call& call);
Task<Status> who_am_i(Call& call);

Task<Status> list_tenants(Call& call);
Task<Status> create_tenant(Call& call);
// {"audit_content": "none" | "full"}; by the tenant's administrator too.
Task<Status> set_tenant(Call& call);
Task<Status> suspend_tenant(Call& call);
Task<Status> resume_tenant(Call& call);
Task<Status> list_workspaces(Call& call);
Task<Status> create_workspace(Call& call);

Task<Status> list_keys(Call& call);
Task<Status> create_key(Call& call);
Task<Status> rotate_key(Call& call);
Task<Status> revoke_key(Call& call);

Task<Status> list_users(Call& call);
Task<Status> create_user(Call& call);
Task<Status> set_user_password(Call& call);
Task<Status> set_user_totp(Call& call);
Task<Status> disable_user(Call& call);
Task<Status> enable_user(Call& call);
Task<Status> set_user_role(Call& call);
// {"password", "code", "new_password"} and {"password", "code", "enabled"}, of a session; it ends
// with all others of the user, but when codes are switched on: that waits for the next.
Task<Status> set_own_password(Call& call);
Task<Status> set_own_totp(Call& call);
// {"code"}, the first of the new authenticator: it is in force, and all sessions of the user end.
Task<Status> confirm_own_totp(Call& call);

}  // namespace xc::gateway

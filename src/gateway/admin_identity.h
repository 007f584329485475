// Tenants, workspaces, keys and users over HTTP. Who may come here at all is access.h; within a
// route, what the caller does not reach is answered exactly as if it were not there.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> log_in(Call& call);  // needs no key
Task<Status> log_out(Call& call);
Task<Status> who_am_i(Call& call);

Task<Status> list_tenants(Call& call);
Task<Status> create_tenant(Call& call);
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

}  // namespace xc::gateway

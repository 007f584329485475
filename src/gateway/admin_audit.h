// What an auditor asks of the audit log: its head, records, proofs, exports; and erasure, which is
// an administrator's.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> show_audit_head(Call& call);
// Newest first; a tenant sees its own. ?before= leaf, from, to, tenant, request, kind, limit
Task<Status> list_audit_records(Call& call);
// Whether a receipt is this log's, with the path to the newest head. ?receipt= or index=
Task<Status> prove_audit_leaf(Call& call);
// ?format=jsonl|csv, first, content=true, from, to (of CSV). For those who see all tenants.
Task<Status> export_audit(Call& call);
// {"index", "what": "content" | "record", "reason"}
Task<Status> erase_audit_leaf(Call& call);

}  // namespace xc::gateway

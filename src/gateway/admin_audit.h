// What an auditor asks of the audit log: its head, records, contents, proofs, exports; and erasure,
// which is an administrator's. Whoever reads a content leaves a record of it first.
#pragma once

#include "gateway/call.h"

namespace xc::gateway {

Task<Status> show_audit_head(Call& call);
// Newest first; a tenant sees its own. ?before= leaf, from, to, tenant, request, kind, limit
Task<Status> list_audit_records(Call& call);
// Whether a receipt is this log's, with the path to the newest head. ?receipt= or index=
Task<Status> prove_audit_leaf(Call& call);
// The prompt or answer of a leaf, where it is kept; a tenant sees its own. ?index=
Task<Status> show_audit_content(Call& call);
// ?format=jsonl|csv, first, content=true, from, to (of CSV). For those who see all tenants.
Task<Status> export_audit(Call& call);
// {"index", "what": "content" | "record", "reason"}: of this leaf. {"request", "tenant", "before",
// "what": "content", "reason"}: of all leaves that all of these are true of; one of the first two
// must be there, "before" is a time.
Task<Status> erase_audit(Call& call);

}  // namespace xc::gateway

// The two things that the verifier reads. See verify.h.
#pragma once

#include <string>

#include "audit/verify.h"

namespace xc::audit {

Result<Findings> verify_folder(const std::string& folder, const VerifyOptions& options);
Result<Findings> verify_export(const std::string& path, const VerifyOptions& options);

}  // namespace xc::audit

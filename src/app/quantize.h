// Quantising as people see it: checks, progress, Ctrl-C, a file that appears whole or not at all.
// Shared by `quantize` and `convert --type q4_k_m`.
#pragma once

#include <string>
#include <vector>

#include "app/command.h"

namespace xc::app {

std::vector<std::string> quantize_type_names();
bool is_quantize_type(const std::string& name);

// Writes OUTPUT.part, syncs it and gives it its name. Errors: OutputExists, BadModelFile,
// QuantizeFailed, DiskFull, ConvertBusy, Cancelled.
Status quantize_file(const std::string& input, const std::string& output, const std::string& type,
                     int threads, Language language);

}  // namespace xc::app

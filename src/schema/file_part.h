// A file in a message, as OpenAI's content part has it. Internal to schema/. Pure; thread-safe.
#pragma once

#include "base/result.h"
#include "schema/chat.h"
#include "schema/json_reader.h"

namespace xc::schema {

// {"type":"file","file":{"filename","file_data"}}: base64, bare or in a data: URL, of UTF-8 text.
// Errors: NotText for anything else, a PDF above all; Unsupported for a file_id, since files are
// not kept; BadLength, MissingField.
Result<File> read_file_part(const JsonObject& part);

}  // namespace xc::schema

#include "schema/file_part.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "schema/data_url.h"
#include "schema/utf8.h"

namespace xc::schema {
namespace {

// Why these bytes are no text; empty: they are.
std::string fault_of(std::string_view bytes) {
  if (bytes.starts_with("%PDF-")) return "PDF";
  if (bytes.starts_with("PK\x03\x04")) return "ZIP, DOCX, XLSX, PPTX";
  if (const auto bad = first_bad_byte(bytes)) return "byte " + std::to_string(*bad);
  const std::size_t nul = bytes.find('\0');
  return nul == std::string_view::npos ? std::string() : "byte " + std::to_string(nul);
}

}  // namespace

Result<File> read_file_part(const JsonObject& part) {
  XC_TRY(const JsonObject in, part.need_object("file"));
  if (in.find("file_id") && !in.find("file_data")) {
    return fail_field(in.path_of("file_id"), xc::Message::Unsupported, {"file_id"});
  }
  File file;
  file.name = "file";
  XC_CHECK(in.text("filename", file.name));
  const std::string name_path = in.path_of("filename");
  if (file.name.empty() || file.name.size() > limits::kFileNameBytesMax) {
    return fail_field(name_path, xc::Message::BadLength,
                      {name_path, "1", std::to_string(limits::kFileNameBytesMax),
                       std::to_string(file.name.size())});
  }
  XC_TRY(const JsonField field, in.need("file_data"));
  XC_TRY(std::string_view data, field.as_text());
  if (data.starts_with("data:")) data.remove_prefix(std::min(data.find(',') + 1, data.size()));
  std::optional<std::string> bytes = bytes_of_base64(data);
  const std::string fault = bytes ? fault_of(*bytes) : "base64";
  if (!fault.empty()) return fail_field(field.path(), xc::Message::NotText, {file.name, fault});
  file.content = std::move(*bytes);
  return file;
}

}  // namespace xc::schema

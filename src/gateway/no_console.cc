// For a build without the console: there are no files to serve.
#include "gateway/static_file.h"

namespace xc::gateway {

const StaticFile* find_static_file(std::string_view) { return nullptr; }

}  // namespace xc::gateway

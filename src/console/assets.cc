#include "console/assets.h"

#include <algorithm>
#include <span>

#include "console/asset_table.h"

namespace xc::console {

// Scripts, requests and fonts from this origin only. Inline styles because Ant Design writes its
// sheets at run time; data: and blob: images because attachments are shown before they are sent.
const std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

const Asset* find_asset(std::string_view path) {
  if (path == "/") path = "/index.html";
  const std::span<const Asset> table = asset_table();
  const auto found = std::ranges::lower_bound(table, path, {}, &Asset::path);
  return found != table.end() && found->path == path ? &*found : nullptr;
}

}  // namespace xc::console

// Where things lie in the models folder. Plain data.
#pragma once

#include <string>
#include <string_view>

namespace xc::catalog {

struct StoreLayout {
  std::string dir;  // absolute

  std::string blobs() const { return dir + "/blobs"; }
  std::string manifests() const { return dir + "/manifests"; }
  std::string partial() const { return dir + "/partial"; }
  std::string lock() const { return dir + "/.lock"; }
  std::string blob(std::string_view sha256) const {
    return blobs() + "/sha256-" + std::string(sha256);
  }
  std::string manifest(std::string_view name) const {
    return manifests() + "/" + std::string(name) + ".json";
  }
  std::string part(std::string_view sha256) const {
    return partial() + "/" + std::string(sha256) + ".part";
  }
};

}  // namespace xc::catalog

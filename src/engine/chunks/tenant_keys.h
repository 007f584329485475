// The secrets of tenants: one file each, <folder>/<sha256 of the name>.key, mode 0600. Everything
// a tenant's chunks need is derived from it: erase the file, and they are unreadable and cannot
// even be named. Nothing is cached, so that an erasure by any process counts at once.
// Thread-safe, also between processes (flock). Blocking, for some microseconds.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "engine/chunks/chunk_key.h"

namespace xc::engine {

class TenantKeys {
 public:
  // folder empty: secrets live in memory only, as long as this object.
  TenantKeys(std::string folder, RandomSource& random)
      : folder_(std::move(folder)), random_(random) {}

  // Makes one when there is none or its file is damaged. Error: FileError.
  Result<Digest> open(const std::string& tenant);
  // The tenant's secret is still this one.
  bool holds(const std::string& tenant, const Digest& secret);
  // The secret that was erased; nullopt when there was none. Error: FileError.
  Result<std::optional<Digest>> erase(const std::string& tenant);
  // Of all tenants; damaged files are passed over. Error: FileError when one cannot be read.
  Result<std::vector<Digest>> all() const;

 private:
  std::string path_of(const std::string& tenant) const;
  Result<Digest> make(const std::string& path);
  Digest fresh();

  std::string folder_;
  RandomSource& random_;
  std::mutex mutex_;
  std::map<std::string, Digest> memory_;  // without a folder
};

}  // namespace xc::engine

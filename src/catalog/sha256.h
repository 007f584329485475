// SHA-256 of bytes as they come, and of files. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "catalog/file.h"

namespace xc::catalog {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view bytes);
  std::string finish();  // 64 lower-case hex digits; call once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

bool is_sha256(std::string_view text);  // 64 lower-case hex digits
// Reads the whole file. `progress` is told the bytes done; false cancels (Message::Cancelled).
Result<std::string> sha256_of(const File& file,
                              const std::function<bool(std::uint64_t done)>& progress);

}  // namespace xc::catalog

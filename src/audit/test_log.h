// A small log in a folder of its own, for tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "audit/log.h"
#include "base/test_folder.h"

namespace xc::audit {

inline LogOptions quick_options(std::string folder, Profile profile = Profile::Sha256Ed25519) {
  LogOptions options;
  options.folder = std::move(folder);
  options.profile = profile;
  options.program = "test";
  options.sync_interval = std::chrono::milliseconds(0);
  return options;
}

struct TestLog {
  explicit TestLog(LogOptions given = {}) : options(std::move(given)) {
    if (options.folder.empty()) options = quick_options(place.path("audit"));
    open();
  }
  void open() {
    auto opened = Log::open(options, clock, random);
    ASSERT_TRUE(opened) << text_of(opened.error(), Language::En);
    log = std::move(*opened);
  }
  void reopen() {
    log.reset();
    open();
  }
  // An admission and its settlement, waited for.
  Ticket call(const std::string& name, std::string_view content = {}) {
    const auto admission =
        log->admit({.request_id = name, .tenant = "t"}, log->content_of(std::string(content)));
    const auto settlement = log->settle(*admission, {.request_id = name, .status = 200});
    EXPECT_TRUE(log->wait(*settlement, Deadline::never()));
    return *admission;
  }
  std::string file(std::string_view name) const { return options.folder + "/" + std::string(name); }

  TestFolder place;
  SystemClock clock;
  SystemRandom random;
  LogOptions options;
  std::unique_ptr<Log> log;
};

inline std::string bytes_in(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void put_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace xc::audit

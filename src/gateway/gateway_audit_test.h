// What the tests of records and contents share: the log of a gateway, read back.
#pragma once

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "audit/verify.h"
#include "gateway/gateway_test.h"

namespace xc::gateway {

class GatewayAudit : public GatewayTest {
 protected:
  // The records of a kind, oldest first, once all that was queued is on disk.
  std::vector<boost::json::object> records(std::string_view kind) {
    const auto last = log_->event(audit::RecordText().text("event", "sync").take());
    EXPECT_TRUE(log_->wait(*last, Deadline::never()));
    std::vector<boost::json::object> all;
    for (std::uint64_t at = 0; at < log_->head().size; ++at) {
      const audit::Entry entry = *log_->read(at);
      if (name_of(entry.leaf.kind) != kind) continue;
      all.push_back(boost::json::parse(entry.record.text).as_object());
    }
    return all;
  }
  // What is kept of the leaves of a kind, oldest first; empty where nothing is.
  std::vector<std::string> contents(std::string_view kind) {
    std::vector<std::string> all;
    for (std::uint64_t at = 0; at < log_->head().size; ++at) {
      const audit::Entry entry = *log_->read(at);
      if (name_of(entry.leaf.kind) == kind) all.push_back(entry.content.text);
    }
    return all;
  }
  // After the server let go of the request.
  std::vector<boost::json::object> settled(std::size_t count) {
    for (int i = 0; i < 500; ++i) {
      auto found = records("settlement");
      if (found.size() >= count) return found;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "no settlement";
    return {};
  }
};

}  // namespace xc::gateway

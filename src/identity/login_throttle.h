// How often logins of one source address may fail. In memory of this process; bounded.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace xc::identity {

// Thread-safe. An IPv6 source counts by its /64: whoever has one address there has them all.
class LoginThrottle {
 public:
  // Seconds until the source may try again; 0: now.
  int wait_s(const std::string& peer, std::int64_t now_unix_ms);
  void failed(const std::string& peer, std::int64_t now_unix_ms);
  // Sources that are refused now.
  int refused(std::int64_t now_unix_ms);

 private:
  struct Count {
    std::int64_t since_unix_ms = 0;
    int failures = 0;
  };
  void make_room(std::int64_t now_unix_ms);
  std::mutex lock_;
  std::map<std::string, Count> sources_;
};

}  // namespace xc::identity

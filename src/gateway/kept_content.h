// What the audit log keeps of a call beside its record, when the tenant wants it: the request as it
// came and the answer as it went out. Bounded; keys and headers are never in it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/chat.h"
#include "schema/openai.h"

namespace xc::gateway {

// Of one prompt or one answer; more is cut at the end of a character. A million tokens have about
// as much, and a quarter of the log's queue (audit/log.h) holds four.
inline constexpr std::size_t kKeptBytesMax = 4u << 20;

struct KeptText {
  std::string text;
  std::uint64_t whole_bytes = 0;  // before it was cut; 0: it was not
};

// The body of a request that was parsed already: its own bytes; where it has pictures, compact
// JSON in which each is {"media_type", "bytes", "sha256"} instead of its base64.
KeptText kept_request(std::string_view body);

// An answer in the making, in one form for all API shapes:
//   {"choices":[{"index","content","reasoning","tool_calls":[{"id","name","arguments"}],"finish"}]}
// without what is empty; "finish" is missing where the answer broke off. Beyond kKeptBytesMax of
// texts only their length is counted. One thread.
class KeptAnswer {
 public:
  void add(const std::vector<schema::Delta>& deltas);
  void begin_anew();  // nobody saw any of it
  // From now on what was added was or is being delivered.
  void goes_out() { out_ = true; }
  // Empty when nothing went out.
  KeptText take() const;

 private:
  void add(const schema::Delta& delta);
  // As much of a text as there is room for; its end when the text does not fit.
  std::string part_of(std::string_view text);

  schema::Collector answer_;
  std::vector<bool> finished_;  // by choice
  std::size_t room_ = kKeptBytesMax;
  std::uint64_t seen_ = 0;  // bytes of texts
  bool cut_ = false, out_ = false;
};

}  // namespace xc::gateway

// What a whole Anthropic message and its event stream have in common. Internal to schema/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schema/anthropic.h"
#include "schema/chat.h"
#include "schema/json_text.h"

namespace boost::json {
class stream_parser;
}

namespace xc::schema::anthropic {

struct Stop {
  std::string_view reason;
  std::string_view sequence;  // empty: null
};
// `has_calls`: remote endpoints say "stop" after tool calls, Anthropic's clients need "tool_use".
Stop stop_of(Finish finish, std::string_view stop_match,
             const std::vector<std::string>& stop_sequences, bool has_calls);
void append_stop(JsonWriter& out, const Stop& stop);  // stop_reason, stop_sequence, stop_details
void append_usage(std::string& out, const Usage& usage);

// The engine's id of a call, or one made of the message's id when the endpoint gave none.
std::string call_id_of(const ReplyHead& head, std::string_view id, int index);

// The arguments as the object of a tool_use block: as they are when they are one JSON object, {}
// when blank, else {"_raw": the text}.
std::string input_of(std::string_view arguments);

// Lets the arguments of one streamed call through as long as they are the beginning of one JSON
// object, because clients parse every prefix and throw at the first that cannot become JSON.
class ArgumentStream {
 public:
  ArgumentStream();
  ~ArgumentStream();

  // The text to send now: the fragment, or nothing from the first one on that breaks the object.
  // Valid as long as the fragment and until the next call.
  std::string_view admit(std::string_view fragment);
  // The text to send at the end of the call: {"_raw": …} when nothing could be let through.
  std::string rest() const;

 private:
  std::unique_ptr<boost::json::stream_parser> parser_;
  std::string held_;  // what was not let through while nothing was
  bool sent_ = false;
  bool broken_ = false;
};

}  // namespace xc::schema::anthropic

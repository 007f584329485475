// What a whole Responses reply and its event stream have in common. Internal to schema/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/chat.h"
#include "schema/json_text.h"
#include "schema/responses.h"

namespace xc::schema::responses {

enum class ItemKind : std::uint8_t { Reasoning, Message, Call };

// One entry of a reply's "output".
struct Item {
  ItemKind kind = ItemKind::Message;
  std::string id;
  std::string text;  // thoughts, text or the call's arguments
  std::string call_id;
  std::string name;
  std::vector<LogprobEntry> logprobs;
};

// rs_…, msg_… or fc_…: the reply's id and the item's place in it.
Item item_of(const ReplyHead& head, ItemKind kind, int output_index);
// Takes the engine's id of a call, or makes one where the endpoint gave none.
void name_call(Item& item, const ReplyHead& head, std::string_view id, std::string_view name,
               int call_index);

void append_item(std::string& out, const Item& item, std::string_view status);
void append_part(std::string& out, const Item& item);  // the content part of text or thoughts

// Everything of a reply that its items do not say.
struct Standing {
  std::string_view status;             // in_progress, completed, incomplete, failed
  std::string_view incomplete_reason;  // empty: null
  std::string error_json = "null";
  const Usage* usage = nullptr;  // null while in progress
  bool unread_call = false;
};
Standing standing_of(Finish finish, const Usage& usage);
std::string response_json(const ReplyHead& head, std::string_view echo_json,
                          const Standing& standing, std::string_view output_json);

}  // namespace xc::schema::responses

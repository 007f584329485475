// A request as llama.cpp's template engine takes it. Pure; internal to engine/llama/chat.
#pragma once

#include <string>
#include <vector>

#include "chat.h"
#include "schema/chat.h"

namespace xc::engine::llama {

bool offers_tools(const schema::ChatRequest& request);
// The tools on offer: one when the caller named it.
std::vector<schema::Tool> offered(const schema::ChatRequest& request);
// The answer has to be a call.
bool must_call(const schema::ChatRequest& request);
// Tools, calls or their results appear.
bool speaks_of_tools(const schema::ChatRequest& request);
// The messages for templates that know no tools: calls and their results become words.
std::vector<schema::Message> in_words(const schema::ChatRequest& request,
                                      const std::vector<schema::Tool>& tools);

// JSON schema that the answer must fit; empty: none.
std::string schema_of(const schema::ResponseFormat& format);

// A last turn of the assistant that says something is a beginning that the model continues; null:
// there is none. A last one that says nothing is none, and is to be left out.
const schema::Message* begun_turn(const std::vector<schema::Message>& messages);
bool is_empty_turn(const schema::Message& message);

// The messages and what the request says of thinking. `images` gets the pictures in their order.
common_chat_templates_inputs inputs_of(const schema::ChatRequest& request,
                                       const std::vector<schema::Message>& messages,
                                       std::vector<const schema::Image*>& images);
void set_tools(common_chat_templates_inputs& inputs, const schema::ChatRequest& request);

}  // namespace xc::engine::llama

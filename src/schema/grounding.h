// Files and search results that come with a question, as text of it: in the forms that DeepSeek
// gives for R1 (README of DeepSeek-R1, "Official Prompts"), word for word. They are plain words
// between plain marks, so every model that follows instructions gets the same.
// docs/decisions/0023. Pure; thread-safe.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "schema/chat.h"

namespace xc::schema {

// "[file name]: …\n[file content begin]\n…\n[file content end]\n": what follows is the question.
// Marks within the content are made harmless, and line breaks within the name.
std::string file_form(const File& file);

// Text in front of all that the message says, in one part with its first words: some servers put
// line breaks between parts.
void put_in_front(Message& message, std::string text);

// Moves `files` and `search_results` in front of the last question of the user and empties both:
// results first, then files, then the question. Chinese words when the question has a Chinese
// character, else English ones. Error: NoUserTurn.
Status ground(ChatRequest& request, std::chrono::year_month_day today);

}  // namespace xc::schema

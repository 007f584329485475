// What a question is to be answered from: extra fields "files" and "search_results" of chat-like
// requests, which grounding.h makes part of the question. Plain data.
#pragma once

#include <string>

namespace xc::schema {

struct File {
  std::string name;
  std::string content;  // text
};

struct SearchResult {
  std::string title, url, date;  // each may be empty
  std::string content;
};

}  // namespace xc::schema

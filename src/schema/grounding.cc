#include "schema/grounding.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "schema/search_words.h"

namespace xc::schema {
namespace {

// "[webpage 1 end]" in a page would end it early and let the rest pose as the user's words: its
// bracket becomes the full-width one, which reads the same.
std::string without_marks(std::string_view text) {
  constexpr std::array<std::string_view, 3> kMarks{"[file name]", "[file content ", "[webpage "};
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool mark = text[i] == '[' && std::ranges::any_of(kMarks, [&](std::string_view begins) {
                        return text.substr(i).starts_with(begins);
                      });
    if (mark) {
      out += "［";
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string one_line(std::string_view text) {
  std::string out = without_marks(text);
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return out;
}

// A character of the block of Chinese ones, U+4E00 – U+9FFF.
bool has_chinese(std::string_view text) {
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if ((lead == 0xE4 && next >= 0xB8) || (lead > 0xE4 && lead <= 0xE9)) return true;
  }
  return false;
}

std::string page_form(const SearchResult& result, std::size_t number) {
  std::string out = fmt::format("[webpage {} begin]\n", number);
  for (const std::string* line : {&result.title, &result.url, &result.date}) {
    if (!line->empty()) out += one_line(*line) + "\n";
  }
  out += without_marks(result.content);
  out += fmt::format("\n[webpage {} end]\n", number);
  return out;
}

// What stands in front of the question. Dates are as long on every day, so that prompts can be
// counted on any.
std::string search_form(const std::vector<SearchResult>& results, bool chinese,
                        std::chrono::year_month_day today) {
  const SearchWords& words = chinese ? kChineseSearch : kEnglishSearch;
  std::string out(words.head);
  for (std::size_t i = 0; i < results.size(); ++i) out += page_form(results[i], i + 1);
  const int year = static_cast<int>(today.year());
  const auto month = static_cast<unsigned>(today.month());
  const auto day = static_cast<unsigned>(today.day());
  out += words.rules;
  out += chinese ? fmt::format("{:04}年{:02}月{:02}日", year, month, day)
                 : fmt::format("{:04}-{:02}-{:02}", year, month, day);
  out += words.more_rules;
  return out;
}

}  // namespace

std::string file_form(const File& file) {
  return fmt::format("[file name]: {}\n[file content begin]\n{}\n[file content end]\n",
                     one_line(file.name), without_marks(file.content));
}

void put_in_front(Message& message, std::string text) {
  if (!message.parts.empty() && !message.parts.front().image) {
    message.parts.front().text.insert(0, text);
  } else {
    message.parts.insert(message.parts.begin(), ContentPart{std::move(text), std::nullopt});
  }
}

Status ground(ChatRequest& request, std::chrono::year_month_day today) {
  if (request.files.empty() && request.search_results.empty()) return {};
  const auto question = std::ranges::find(request.messages.rbegin(), request.messages.rend(),
                                          Role::User, &Message::role);
  if (question == request.messages.rend()) {
    const std::string field = request.files.empty() ? "search_results" : "files";
    return fail_field("messages", xc::Message::NoUserTurn, {field});
  }
  const bool chinese = std::ranges::any_of(
      question->parts, [](const ContentPart& part) { return has_chinese(part.text); });
  std::string front;
  if (!request.search_results.empty()) {
    front = search_form(request.search_results, chinese, today);
  }
  for (const File& file : request.files) front += file_form(file);
  put_in_front(*question, std::move(front));
  request.files.clear();
  request.search_results.clear();
  return {};
}

}  // namespace xc::schema

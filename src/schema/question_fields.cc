// Extra fields of chat-like requests: how long to think, and what to answer from.
#include "base/limits.h"
#include "schema/request_fields.h"

namespace xc::schema {
namespace {

Status check_length(const JsonObject& in, std::string_view key, const std::string& text,
                    std::size_t least, std::size_t most) {
  if (text.size() >= least && text.size() <= most) return {};
  const std::string path = in.path_of(key);
  return fail_field(
      path, xc::Message::BadLength,
      {path, std::to_string(least), std::to_string(most), std::to_string(text.size())});
}

Result<File> read_file(const JsonField& field) {
  XC_TRY(const JsonObject in, field.as_object());
  File file;
  XC_TRY(file.name, in.need_text("name"));
  XC_CHECK(check_length(in, "name", file.name, 1, limits::kFileNameBytesMax));
  XC_TRY(file.content, in.need_text("content"));
  return file;
}

Result<SearchResult> read_result(const JsonField& field) {
  XC_TRY(const JsonObject in, field.as_object());
  SearchResult result;
  XC_CHECK(in.text("title", result.title));
  XC_CHECK(check_length(in, "title", result.title, 0, limits::kSearchLineBytesMax));
  XC_CHECK(in.text("url", result.url));
  XC_CHECK(check_length(in, "url", result.url, 0, limits::kSearchLineBytesMax));
  XC_CHECK(in.text("date", result.date));
  XC_CHECK(check_length(in, "date", result.date, 0, limits::kSearchLineBytesMax));
  XC_TRY(result.content, in.need_text("content"));
  return result;
}

}  // namespace

Status read_grounding(const JsonObject& body, ChatRequest& out) {
  XC_TRY(const auto files, body.array("files", limits::kFilesMax));
  for (std::size_t i = 0; files && i < files->size(); ++i) {
    XC_TRY(File file, read_file(files->at(i)));
    out.files.push_back(std::move(file));
  }
  XC_TRY(const auto results, body.array("search_results", limits::kSearchResultsMax));
  for (std::size_t i = 0; results && i < results->size(); ++i) {
    XC_TRY(SearchResult result, read_result(results->at(i)));
    out.search_results.push_back(std::move(result));
  }
  return {};
}

Status read_thinking_switch(const JsonObject& thinking, ChatRequest& out) {
  XC_TRY(const JsonField type, thinking.need("type"));
  XC_TRY(const std::size_t kind,
         type.as_one_of({"enabled", "disabled", "adaptive", "between_tools", "auto"}));
  if (kind < 2) out.thinking = kind == 0;  // else as the model does by itself
  return thinking.integer("budget_tokens", out.thinking_budget, 0, limits::kMaxTokensMax);
}

Status read_thinking_budget(const JsonObject& body, ChatRequest& out) {
  const auto kwarg = out.template_kwargs.find("thinking_budget");
  if (kwarg != out.template_kwargs.end()) {
    XC_TRY(const JsonObject kwargs, body.need_object("chat_template_kwargs"));
    XC_CHECK(kwargs.integer("thinking_budget", out.thinking_budget, -1, limits::kMaxTokensMax));
  }
  for (const std::string_view name : {"thinking_budget_tokens", "reasoning_budget_tokens",
                                      "thinking_token_budget", "thinking_budget"}) {
    XC_CHECK(body.integer(name, out.thinking_budget, -1, limits::kMaxTokensMax));
  }
  if (out.thinking_budget == -1) out.thinking_budget.reset();
  if (out.thinking_budget == 0) out.thinking = false;
  return {};
}

}  // namespace xc::schema

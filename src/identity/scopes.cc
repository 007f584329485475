#include "identity/scopes.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/limits.h"

namespace xc::identity {
namespace {

bool good_item(std::string_view item) {
  if (item.empty() || item.size() > limits::kScopeItemBytesMax) return false;
  return std::ranges::none_of(
      item, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == ','; });
}

Status check(std::string_view list, const std::vector<std::string>& items) {
  const auto bad = std::ranges::find_if_not(items, good_item);
  if (bad == items.end() && items.size() <= limits::kScopeItemsMax) return {};
  return fail(
      Code::InvalidRequest, Message::BadSetting,
      {std::string(list), bad == items.end() ? std::to_string(items.size()) : bad->substr(0, 64),
       fmt::format("0 … {} × 1 … {} bytes without ',' and blanks", limits::kScopeItemsMax,
                   limits::kScopeItemBytesMax)});
}

}  // namespace

// After a mismatch the last '*' takes one byte more: linear in practice, |pattern| × |text| at
// most.
bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t after = 0;  // where the text behind the last '*' began
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++after;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<Scopes> Scopes::of(Texts texts) {
  XC_CHECK(check("models", texts.models));
  XC_CHECK(check("routes", texts.routes));
  XC_CHECK(check("pools", texts.pools));
  XC_CHECK(check("sources", texts.sources));
  Scopes scopes;
  for (const std::string& source : texts.sources) {
    XC_TRY(const AddressRange range, AddressRange::parse(source));
    scopes.sources_.push_back(range);
  }
  scopes.texts_ = std::move(texts);
  return scopes;
}

bool Scopes::allows(const std::vector<std::string>& patterns, std::string_view text) {
  if (patterns.empty()) return true;
  return std::ranges::any_of(
      patterns, [text](const std::string& pattern) { return glob_matches(pattern, text); });
}

bool Scopes::allows_source(const std::string& peer) const {
  if (sources_.empty()) return true;
  return std::ranges::any_of(sources_,
                             [&peer](const AddressRange& range) { return range.contains(peer); });
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    items.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return items;
}

std::string join_list(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += ',';
    text += item;
  }
  return text;
}

}  // namespace xc::identity

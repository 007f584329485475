#include "app/repl.h"

#include <array>
#include <charconv>
#include <optional>

#include "base/limits.h"

namespace xc::app {
namespace {

constexpr std::string_view kFence = "\"\"\"";

struct Word {
  std::string_view name;
  Verb verb;
  bool needs_argument;
};
constexpr std::array kWords{
    Word{"/help", Verb::Help, false},     Word{"/?", Verb::Help, false},
    Word{"/bye", Verb::Bye, false},       Word{"/exit", Verb::Bye, false},
    Word{"/quit", Verb::Bye, false},      Word{"/clear", Verb::Clear, false},
    Word{"/system", Verb::System, false}, Word{"/set", Verb::Set, true},
    Word{"/model", Verb::Model, true},    Word{"/save", Verb::Save, true}};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Cuts the first word off; `text` becomes the rest.
std::string_view take_word(std::string_view& text) {
  const std::size_t cut = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, cut);
  text = trimmed(text.substr(cut));
  return word;
}

template <typename T>
std::optional<T> number_in(std::string_view text, T low, T high) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= low && value <= high)) return std::nullopt;
  return value;
}

template <typename T, typename U>
bool put_number(std::optional<U>& into, std::string_view text, T low, T high) {
  const std::optional<T> value = number_in<T>(text, low, high);
  if (value) into = *value;
  return value.has_value();
}

}  // namespace

ChatLine parse_chat_line(std::string_view line) {
  const std::string_view text = trimmed(line);
  if (text.empty()) return {};
  if (!text.starts_with('/')) return {Verb::Say, {}, std::string(text)};
  std::string_view rest = text;
  const std::string_view word = take_word(rest);
  for (const Word& known : kWords) {
    if (known.name != word) continue;
    if (known.needs_argument && rest.empty()) return {Verb::NeedsArgument, {}, std::string(word)};
    if (known.verb != Verb::Set) return {known.verb, {}, std::string(rest)};
    const std::string_view name = take_word(rest);
    if (rest.empty()) return {Verb::NeedsArgument, {}, std::string(text)};
    return {Verb::Set, std::string(name), std::string(rest)};
  }
  if (word.find('/', 1) != std::string_view::npos) return {Verb::Say, {}, std::string(text)};
  return {Verb::Unknown, {}, std::string(word)};
}

bool put_chat_setting(schema::ChatRequest& request, std::string_view name, std::string_view value) {
  if (name == "temperature") return put_number(request.sampling.temperature, value, 0.0, 2.0);
  if (name == "top_p") return put_number(request.sampling.top_p, value, 0.0, 1.0);
  if (name == "max_tokens") return put_number(request.max_tokens, value, 1, limits::kMaxTokensMax);
  if (name == "seed") {
    return put_number<std::int64_t>(request.sampling.seed, value, 0, INT64_MAX);
  }
  if (name != "think") return false;
  const bool on = value == "on" || value == "true";
  if (!on && value != "off" && value != "false") return false;
  request.thinking = on;
  return true;
}

bool Gatherer::feed(std::string_view line) {
  if (!open_) {
    const std::string_view text = trimmed(line);
    if (!text.starts_with(kFence)) {
      text_ = line;
      return true;
    }
    open_ = true;
    line = text.substr(kFence.size());
    if (trimmed(line).empty()) return false;
  }
  const std::string_view end = trimmed(line);
  const bool closes = end.ends_with(kFence);
  if (closes) line = line.substr(0, line.rfind(kFence));
  if (!text_.empty() && !(closes && line.empty())) text_ += '\n';
  text_ += line;
  if (closes) open_ = false;
  return closes;
}

std::string Gatherer::take() {
  std::string text = std::move(text_);
  clear();
  return text;
}

void Gatherer::clear() {
  open_ = false;
  text_.clear();
}

}  // namespace xc::app

#include "app/eval.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <numeric>

#include "app/terminal.h"
#include "app/text.h"

namespace xc::app {
namespace {

namespace json = boost::json;

constexpr Duration kPatience = std::chrono::minutes(10);  // one request on a slow machine

std::unexpected<Error> bad_line(std::size_t line, std::string_view what, Language language) {
  return fail(Code::InvalidRequest, Message::ServerSaid,
              {say<texts::EvalBadLine>(language, line, what)});
}

std::optional<std::string> text_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

std::vector<std::string> texts_in(const json::value* value) {
  std::vector<std::string> out;
  if (value == nullptr) return out;
  if (value->is_string()) return {std::string(value->get_string())};
  if (!value->is_array()) return out;
  for (const json::value& item : value->get_array()) {
    if (!item.is_string()) return {};
    out.emplace_back(item.get_string());
  }
  return out;
}

// An index, or a letter that stands for one; `count` when it is neither.
std::size_t index_of(const json::value* value, std::size_t count) {
  if (value == nullptr) return count;
  if (value->is_int64() && value->get_int64() >= 0) {
    return std::min(static_cast<std::size_t>(value->get_int64()), count);
  }
  if (!value->is_string() || value->get_string().size() != 1) return count;
  const char letter = value->get_string().front();
  if (letter >= 'A' && letter <= 'Z') return std::min<std::size_t>(letter - 'A', count);
  if (letter >= 'a' && letter <= 'z') return std::min<std::size_t>(letter - 'a', count);
  return count;
}

// Calls read(object, line) for each line; it returns what is wrong, or nothing.
template <typename Read>
Status each_line(std::string_view jsonl, Language language, Read read) {
  std::size_t number = 0;
  bool any = false;
  while (!jsonl.empty()) {
    ++number;
    const std::size_t end = std::min(jsonl.find('\n'), jsonl.size());
    const std::string_view line = jsonl.substr(0, end);
    jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    any = true;
    boost::system::error_code error;
    const json::value value = json::parse(line, error);
    if (error || !value.is_object()) return bad_line(number, "JSON", language);
    const std::string_view wrong = read(value.get_object());
    if (!wrong.empty()) return bad_line(number, wrong, language);
  }
  return any ? Status() : bad_line(1, "JSON", language);
}

Result<json::object> object_of(const std::string& body) {
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (!error && value.is_object()) return std::move(value.get_object());
  return fail(Code::Upstream, Message::UpstreamFailed, {"no JSON object"});
}

Result<json::array> tokens_of(const ApiClient& api, const EvalOptions& options,
                              const std::string& text) {
  const json::object ask{{"model", options.model}, {"content", text}};
  XC_TRY(const std::string body, api.call("POST", "/tokenize", json::serialize(ask), kPatience));
  XC_TRY(json::object reply, object_of(body));
  json::value* tokens = reply.if_contains("tokens");
  if (tokens == nullptr || !tokens->is_array()) {
    return fail(Code::Upstream, Message::UpstreamFailed, {"tokens"});
  }
  return std::move(tokens->get_array());
}

// The reply to prompts (text or token ids) that are only scored.
Result<std::string> scored(const ApiClient& api, const EvalOptions& options, json::value prompts) {
  const json::object ask{{"model", options.model}, {"prompt", std::move(prompts)},
                         {"max_tokens", 0},        {"echo", true},
                         {"logprobs", 1},          {"temperature", 0}};
  return api.call("POST", "/v1/completions", json::serialize(ask), kPatience);
}

std::size_t bounded(std::size_t count, int limit) {
  return limit > 0 ? std::min(count, static_cast<std::size_t>(limit)) : count;
}

void say_progress(std::size_t done, std::size_t all, Language language) {
  if (!is_terminal(2)) return;
  fmt::print(stderr, "\r{}", say<texts::EvalProgress>(language, done, all));
  if (done == all) fmt::print(stderr, "\n");
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

Mean mean_of(const std::vector<double>& values) {
  Mean mean;
  mean.count = static_cast<std::int64_t>(values.size());
  if (values.empty()) return mean;
  const double n = static_cast<double>(values.size());
  mean.value = sum(values) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean.value) * (value - mean.value);
  if (values.size() > 1) mean.error = std::sqrt(squares / (n - 1) / n);
  return mean;
}

Result<std::vector<ChoiceItem>> parse_choices(std::string_view jsonl, Language language) {
  std::vector<ChoiceItem> items;
  XC_CHECK(each_line(jsonl, language, [&items](const json::object& line) -> std::string_view {
    ChoiceItem item;
    const auto question = text_in(line, "question");
    if (!question) return "question";
    item.question = *question;
    const json::value* choices = line.if_contains("choices");
    if (choices != nullptr && choices->is_array()) item.choices = texts_in(choices);
    if (item.choices.size() < 2) return "choices";
    item.answer = index_of(line.if_contains("answer"), item.choices.size());
    if (item.answer == item.choices.size()) return "answer";
    items.push_back(std::move(item));
    return {};
  }));
  return items;
}

Result<std::vector<ExactItem>> parse_exact(std::string_view jsonl, Language language) {
  std::vector<ExactItem> items;
  XC_CHECK(each_line(jsonl, language, [&items](const json::object& line) -> std::string_view {
    auto prompt = text_in(line, "prompt");
    if (!prompt) prompt = text_in(line, "question");
    if (!prompt) return "prompt";
    std::vector<std::string> answers = texts_in(line.if_contains("answer"));
    if (answers.empty()) return "answer";
    items.push_back({std::move(*prompt), std::move(answers)});
    return {};
  }));
  return items;
}

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string_view bare_answer(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto trim = [&] {
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return text = {};
    return text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  };
  trim();
  for (const std::string_view stop : {std::string_view("."), std::string_view("。")}) {
    if (text.size() <= stop.size() || !text.ends_with(stop)) continue;
    text.remove_suffix(stop.size());
    break;
  }
  return trim();
}

Result<std::vector<std::vector<double>>> scores_in(std::string_view reply,
                                                   const std::vector<std::size_t>& from) {
  const auto missing = [] { return fail(Code::Upstream, Message::UpstreamFailed, {"logprobs"}); };
  XC_TRY(const json::object body, object_of(std::string(reply)));
  const json::value* choices = body.if_contains("choices");
  if (choices == nullptr || !choices->is_array()) return missing();
  std::vector<std::vector<double>> out(from.size());
  std::size_t seen = 0;
  for (const json::value& choice : choices->get_array()) {
    boost::system::error_code error;
    const json::value* index = choice.find_pointer("/index", error);
    const json::value* scores = choice.find_pointer("/logprobs/token_logprobs", error);
    const json::value* offsets = choice.find_pointer("/logprobs/text_offset", error);
    const bool whole = index != nullptr && index->is_int64() && scores != nullptr &&
                       scores->is_array() && offsets != nullptr && offsets->is_array() &&
                       scores->get_array().size() == offsets->get_array().size();
    if (!whole || static_cast<std::size_t>(index->get_int64()) >= from.size()) return missing();
    const auto at = static_cast<std::size_t>(index->get_int64());
    for (std::size_t i = 0; i < scores->get_array().size(); ++i) {
      const json::value& score = scores->get_array()[i];
      const json::value& offset = offsets->get_array()[i];
      if (!score.is_number()) continue;
      if (!offset.is_int64()) return missing();
      if (static_cast<std::size_t>(offset.get_int64()) < from[at]) continue;
      out[at].push_back(score.to_number<double>());
    }
    ++seen;
  }
  if (seen != from.size()) return missing();
  return out;
}

Result<Perplexity> run_perplexity(const ApiClient& api, const EvalOptions& options,
                                  const std::string& text, Language language) {
  XC_TRY(const json::array tokens, tokens_of(api, options, text));
  const auto window = static_cast<std::size_t>(options.window);
  const std::size_t count = bounded((tokens.size() + window - 1) / window, options.limit);
  std::vector<double> nats;
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(i * window);
    const std::size_t length = std::min(window, tokens.size() - i * window);
    if (length < 2) break;
    XC_TRY(const std::string reply,
           scored(api, options, json::array(begin, begin + static_cast<std::ptrdiff_t>(length))));
    XC_TRY(const auto scores, scores_in(reply, {0}));
    for (const double score : scores.front()) nats.push_back(-score);
    say_progress(i + 1, count, language);
  }
  if (nats.empty()) {
    return fail(Code::InvalidRequest, Message::ServerSaid,
                {std::string(texts::EvalTooShort.in(language))});
  }
  Perplexity result;
  result.nats = mean_of(nats);
  result.value = std::exp(result.nats.value);
  result.low = std::exp(result.nats.value - result.nats.error);
  result.high = std::exp(result.nats.value + result.nats.error);
  const double bytes_a_token =
      static_cast<double>(text.size()) / static_cast<double>(tokens.size());
  result.bits_per_byte = result.nats.value / std::log(2.0) / bytes_a_token;
  return result;
}

Result<ChoiceResult> run_choice(const ApiClient& api, const EvalOptions& options,
                                const std::vector<ChoiceItem>& items, Language language) {
  std::vector<double> right, right_normalised;
  const std::size_t count = bounded(items.size(), options.limit);
  for (std::size_t i = 0; i < count; ++i) {
    const ChoiceItem& item = items[i];
    // The blank belongs to the choice: most vocabularies write it at the front of a word.
    const std::vector<std::size_t> from(item.choices.size(), characters_of(item.question));
    json::array prompts;
    for (const std::string& choice : item.choices) {
      prompts.emplace_back(item.question + " " + choice);
    }
    XC_TRY(const std::string reply, scored(api, options, std::move(prompts)));
    XC_TRY(const auto scores, scores_in(reply, from));
    std::size_t best = 0, best_normalised = 0;
    std::vector<double> sums, normalised;
    for (std::size_t c = 0; c < scores.size(); ++c) {
      sums.push_back(sum(scores[c]));
      normalised.push_back(sums.back() / static_cast<double>(item.choices[c].size() + 1));
      if (sums[c] > sums[best]) best = c;
      if (normalised[c] > normalised[best_normalised]) best_normalised = c;
    }
    right.push_back(best == item.answer ? 1 : 0);
    right_normalised.push_back(best_normalised == item.answer ? 1 : 0);
    say_progress(i + 1, count, language);
  }
  return ChoiceResult{mean_of(right), mean_of(right_normalised)};
}

Result<Mean> run_exact(const ApiClient& api, const EvalOptions& options,
                       const std::vector<ExactItem>& items, Language language) {
  std::vector<double> right;
  const std::size_t count = bounded(items.size(), options.limit);
  for (std::size_t i = 0; i < count; ++i) {
    const json::object ask{
        {"model", options.model},
        {"messages", json::array{json::object{{"role", "user"}, {"content", items[i].prompt}}}},
        {"temperature", 0},
        {"max_tokens", options.max_tokens}};
    XC_TRY(const std::string body,
           api.call("POST", "/v1/chat/completions", json::serialize(ask), kPatience));
    XC_TRY(const json::object reply, object_of(body));
    boost::system::error_code error;
    const json::value whole(reply);
    const json::value* content = whole.find_pointer("/choices/0/message/content", error);
    const std::string answer =
        content != nullptr && content->is_string() ? std::string(content->get_string()) : "";
    const bool hit = std::any_of(
        items[i].answers.begin(), items[i].answers.end(),
        [&](const std::string& wanted) { return bare_answer(answer) == bare_answer(wanted); });
    right.push_back(hit ? 1 : 0);
    say_progress(i + 1, count, language);
  }
  return mean_of(right);
}

}  // namespace xc::app

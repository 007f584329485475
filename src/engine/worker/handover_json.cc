#include "engine/worker/handover_json.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include "base/limits.h"

namespace xc::engine {
namespace {

namespace json = boost::json;

std::unexpected<Error> broken(std::string detail) {
  return fail(Error{Code::Upstream, Message::WorkerLost, {}, std::move(detail), {}, 0});
}

Handover::Choice choice_of(const json::value& value) {
  const json::object& object = value.as_object();
  Handover::Choice choice;
  choice.tokens = json::value_to<std::vector<std::int32_t>>(object.at("tokens"));
  choice.generated = json::value_to<int>(object.at("generated"));
  choice.finished = object.at("finished").as_bool();
  return choice;
}

Handover handover_of(const json::object& object) {
  Handover left;
  for (const json::value& value : object.at("parts").as_array()) {
    Handover::Part& part = left.parts.emplace_back();
    part.cached_tokens = json::value_to<std::int64_t>(value.as_object().at("cached_tokens"));
    for (const json::value& choice : value.as_object().at("choices").as_array()) {
      part.choices.push_back(choice_of(choice));
    }
  }
  return left;
}

bool is_sane(const Handover& left) {
  if (left.parts.empty() || left.parts.size() > limits::kPromptsMax) return false;
  for (const Handover::Part& part : left.parts) {
    if (part.choices.size() > limits::kChoicesMax * limits::kPromptsMax) return false;
    if (part.cached_tokens < 0) return false;
    for (const Handover::Choice& choice : part.choices) {
      if (choice.generated < 0 || choice.generated > limits::kMaxTokensMax) return false;
    }
  }
  return true;
}

}  // namespace

std::string render_handover(const Handover& left, std::string_view digest) {
  json::array parts;
  for (const Handover::Part& part : left.parts) {
    json::array choices;
    for (const Handover::Choice& choice : part.choices) {
      choices.push_back(json::object{{"tokens", json::value_from(choice.tokens)},
                                     {"generated", choice.generated},
                                     {"finished", choice.finished}});
    }
    parts.push_back(
        json::object{{"cached_tokens", part.cached_tokens}, {"choices", std::move(choices)}});
  }
  const json::object out{{"model", digest}, {"parts", std::move(parts)}};
  return json::serialize(out);
}

Result<Handover> parse_handover(std::string_view text, std::string_view digest) {
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  if (failed) return broken("a handover that is no JSON");
  try {
    const json::object& object = value.as_object();
    if (object.at("model").as_string() != digest) return broken("the model is another one now");
    Handover left = handover_of(object);
    if (!is_sane(left)) return broken("a handover out of bounds");
    return left;
  } catch (const std::exception& e) {  // a field that is missing or of another type
    return broken(e.what());
  }
}

}  // namespace xc::engine

#include "gateway/kept_content.h"

#include <algorithm>
#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "audit/crypto.h"
#include "audit/text_codes.h"
#include "schema/data_url.h"
#include "schema/json_reader.h"
#include "schema/json_text.h"
#include "schema/utf8.h"

namespace xc::gateway {
namespace {

namespace json = boost::json;

// Of the bytes that a text may have, those that end with a whole character.
std::size_t cut_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  return most - schema::incomplete_suffix(text.substr(0, most));
}

// Where the routes take pictures, and nowhere else: no text may be able to pass for one.
class Pictures {
 public:
  bool replaced() const { return replaced_; }

  void in(json::value& value) {
    if (json::array* array = value.if_array()) {
      for (json::value& item : *array) in(item);
    } else if (json::object* object = value.if_object()) {
      in(*object);
    }
  }

 private:
  void in(json::object& object) {
    for (auto& member : object) {
      json::value& value = member.value();
      if (member.key() == "image_url") {
        json::object* nested = value.if_object();
        json::value* url = nested == nullptr ? &value : nested->if_contains("url");
        if (url != nullptr) replace_url(*url);
      } else if (member.key() == "images" && value.is_array()) {
        for (json::value& item : value.as_array()) replace_bare(item);
      } else if (member.key() == "source" && value.is_object()) {
        replace_source(object, value.as_object());
      }
      in(value);
    }
  }

  // Anthropic's.
  void replace_source(const json::object& part, json::object& source) {
    const json::value* type = part.if_contains("type");
    if (type == nullptr || !type->is_string() || type->as_string() != "image") return;
    const json::value* media = source.if_contains("media_type");
    const bool named = media != nullptr && media->is_string();
    json::value* data = source.if_contains("data");
    if (named && data != nullptr && data->is_string()) {
      replace(*data, std::string(media->as_string()), data->as_string());
    }
    if (json::value* url = source.if_contains("url")) replace_url(*url);
  }

  // "data:image/png;base64,…".
  void replace_url(json::value& value) {
    if (!value.is_string()) return;
    const std::string_view url = value.as_string();
    const std::size_t colon = url.find(':'), comma = url.find(',');
    if (colon >= comma || comma == std::string_view::npos) return;
    const std::string_view head = url.substr(colon + 1, comma - colon - 1);
    replace(value, std::string(head.substr(0, head.find(';'))), url.substr(comma + 1));
  }

  // Ollama's.
  void replace_bare(json::value& value) {
    replace_url(value);
    if (!value.is_string()) return;
    const std::string_view type = schema::picture_type_of(value.as_string());
    if (!type.empty()) replace(value, std::string(type), value.as_string());
  }

  // `base64` may point into the value. What is no base64 stays.
  void replace(json::value& value, std::string media_type, std::string_view base64) {
    const std::optional<std::string> bytes = schema::bytes_of_base64(base64);
    if (!bytes) return;
    const audit::Digest digest = audit::digest_of(audit::Profile::Sha256Ed25519, {*bytes});
    value = json::object{{"media_type", std::move(media_type)},
                         {"bytes", bytes->size()},
                         {"sha256", audit::hex_of(audit::view_of(digest))}};
    replaced_ = true;
  }

  bool replaced_ = false;
};

void append_calls(std::string& out, const std::vector<schema::ToolCall>& calls) {
  out += '[';
  for (const schema::ToolCall& call : calls) {
    if (out.back() != '[') out += ',';
    schema::JsonWriter w(out);
    if (!call.id.empty()) w.text("id", call.id);
    w.text("name", call.name);
    w.text("arguments", call.arguments);
    w.end();
  }
  out += ']';
}

}  // namespace

KeptText kept_request(std::string_view body) {
  KeptText kept;
  std::string changed;
  if (Result<json::value> document = schema::read_json(body)) {
    Pictures pictures;
    pictures.in(*document);
    if (pictures.replaced()) changed = schema::json_of(*document);
  }
  const std::string_view whole = changed.empty() ? body : std::string_view(changed);
  const std::size_t cut = cut_of(whole, kKeptBytesMax);
  if (cut < whole.size()) kept.whole_bytes = whole.size();
  kept.text = whole.substr(0, cut);
  return kept;
}

std::string KeptAnswer::part_of(std::string_view text) {
  seen_ += text.size();
  if (cut_) return {};
  const std::size_t fits = cut_of(text, room_);
  cut_ = fits < text.size();
  room_ -= fits;
  return std::string(text.substr(0, fits));
}

void KeptAnswer::add(const std::vector<schema::Delta>& deltas) {
  for (const schema::Delta& delta : deltas) add(delta);
}

void KeptAnswer::add(const schema::Delta& delta) {
  if (delta.usage) return;
  schema::Delta kept;  // without logprobs
  kept.choice = delta.choice;
  kept.reasoning = part_of(delta.reasoning);
  kept.content = part_of(delta.content);
  for (const schema::ToolCallDelta& call : delta.tool_calls) {
    const bool whole = !cut_;
    // An endpoint can send any number of calls.
    if (!call.id.empty() || !call.name.empty()) room_ -= std::min(room_, sizeof(schema::ToolCall));
    schema::ToolCallDelta part{call.index, part_of(call.id), part_of(call.name),
                               part_of(call.arguments)};
    if (whole) kept.tool_calls.push_back(std::move(part));
  }
  kept.finish = delta.finish;
  answer_.add(kept);
  if (!delta.finish) return;
  const auto choice = static_cast<std::size_t>(delta.choice);
  if (choice >= finished_.size()) finished_.resize(choice + 1);
  finished_[choice] = true;
}

void KeptAnswer::begin_anew() {
  const bool out = out_;
  *this = {};
  out_ = out;
}

KeptText KeptAnswer::take() const {
  KeptText kept;
  if (!out_ || answer_.choices().empty()) return kept;
  if (cut_) kept.whole_bytes = seen_;
  std::string& out = kept.text;
  out.reserve(kKeptBytesMax - room_ + 128);
  out = R"({"choices":[)";
  for (std::size_t i = 0; i < answer_.choices().size(); ++i) {
    const schema::Choice& choice = answer_.choices()[i];
    if (i > 0) out += ',';
    schema::JsonWriter w(out);
    w.integer("index", static_cast<std::int64_t>(i));
    if (!choice.reasoning.empty()) w.text("reasoning", choice.reasoning);
    if (!choice.content.empty()) w.text("content", choice.content);
    if (!choice.tool_calls.empty()) append_calls(w.key("tool_calls"), choice.tool_calls);
    if (i < finished_.size() && finished_[i]) w.text("finish", name_of(choice.finish));
    w.end();
  }
  out += "]}";
  return kept;
}

}  // namespace xc::gateway

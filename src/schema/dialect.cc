#include "schema/dialect.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <span>

#include "schema/json_reader.h"

namespace xc::schema {
namespace {

namespace json = boost::json;

struct Renamed {
  std::string_view ours, theirs;
};
struct Facts {
  std::string_view name;
  std::string_view health;
  bool continues;  // an assistant's turn at the end
  std::span<const std::string_view> drops;
  std::span<const Renamed> renames;
};

// How vLLM is asked to go on with the last turn; its template would begin a new one else.
constexpr std::string_view kContinue = "continue_final_message";
constexpr std::string_view kPrompt = "add_generation_prompt";

// Fields beyond OpenAI's own: a strict server answers 400 to what it does not know.
constexpr std::array<std::string_view, 11> kBeyondOpenAi{"speculation",
                                                         "ignore_eos",
                                                         "top_k",
                                                         "min_p",
                                                         "repetition_penalty",
                                                         "chat_template_kwargs",
                                                         "parse_special",
                                                         "add_special",
                                                         "thinking_budget",
                                                         kContinue,
                                                         kPrompt};
constexpr std::array<std::string_view, 1> kVllmDrops{"speculation"};
constexpr std::array<std::string_view, 3> kSglangDrops{"speculation", "thinking_budget", kPrompt};
constexpr std::array<std::string_view, 6> kMindIeDrops{
    "speculation", "min_p", "parallel_tool_calls", "thinking_budget", kContinue, kPrompt};
// It goes on with an assistant's turn at the end without being told.
constexpr std::array<std::string_view, 3> kLlamaDrops{"speculation", kContinue, kPrompt};
constexpr std::array<std::string_view, 2> kXingchaDrops{kContinue, kPrompt};
constexpr std::array<Renamed, 1> kVllmNames{{{"thinking_budget", "thinking_token_budget"}}};
constexpr std::array<Renamed, 2> kLlamaNames{
    {{"repetition_penalty", "repeat_penalty"}, {"thinking_budget", "reasoning_budget_tokens"}}};

constexpr std::array<Facts, 6> kFacts{{
    {"openai", "/v1/models", false, kBeyondOpenAi, {}},
    {"vllm", "/health", true, kVllmDrops, kVllmNames},
    {"sglang", "/health", true, kSglangDrops, {}},
    {"mindie", "/v1/models", false, kMindIeDrops, {}},
    {"llama-server", "/health", true, kLlamaDrops, kLlamaNames},
    {"xingcha", "/readyz", true, kXingchaDrops, {}},
}};

const Facts& facts_of(Vendor vendor) { return kFacts[static_cast<std::size_t>(vendor)]; }

}  // namespace

std::string_view name_of(Vendor vendor) { return facts_of(vendor).name; }

std::optional<Vendor> vendor_of(std::string_view name) {
  const auto found = std::ranges::find(kFacts, name, &Facts::name);
  if (found == kFacts.end()) return std::nullopt;
  return static_cast<Vendor>(found - kFacts.begin());
}

std::string_view health_path(Vendor vendor) { return facts_of(vendor).health; }

bool takes_target(Vendor vendor, std::string_view target) {
  if (target.starts_with("/internal/")) return false;
  if (vendor == Vendor::Xingcha) return true;
  return target == "/v1/chat/completions" || target == "/v1/completions" ||
         target == "/v1/embeddings" || target == "/v1/rerank";
}

bool can_continue(Vendor vendor) { return facts_of(vendor).continues; }

std::optional<std::string> continued(std::string_view body, std::string_view text, int produced) {
  Result<json::value> document = read_json(body);
  json::object* request = document ? document->if_object() : nullptr;
  json::value* messages = request ? request->if_contains("messages") : nullptr;
  if (messages == nullptr || !messages->is_array()) return std::nullopt;
  if (json::value* most = request->if_contains("max_tokens"); most && most->is_int64()) {
    if (most->as_int64() <= produced) return std::nullopt;
    *most = most->as_int64() - produced;
  }
  if (!text.empty()) {
    messages->as_array().push_back(json::object{{"role", "assistant"}, {"content", text}});
    (*request)[kContinue] = true;
    (*request)[kPrompt] = false;
  }
  return json_of(*request);
}

std::string body_for(Vendor vendor, std::string_view body, std::string_view model) {
  Result<json::value> document = read_json(body);
  json::object* request = document ? document->if_object() : nullptr;
  if (request == nullptr) return std::string(body);
  const Facts& facts = facts_of(vendor);
  (*request)["model"] = model;
  for (const std::string_view field : facts.drops) request->erase(field);
  for (const auto& [ours, theirs] : facts.renames) {
    const json::value* value = request->if_contains(ours);
    if (value == nullptr) continue;
    json::value moved = *value;
    request->erase(ours);
    (*request)[theirs] = std::move(moved);
  }
  return json_of(*request);
}

}  // namespace xc::schema

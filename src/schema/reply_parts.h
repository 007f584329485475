// Reads what endpoints answer. Lenient, unlike json_reader.h: vLLM, SGLang, llama-server, MindIE
// and others differ in the details, so a field of another kind than expected counts as absent.
// Internal to schema/. Pure; thread-safe.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "schema/chat.h"

namespace xc::schema {

// Collector makes room for every choice up to the index, so an endpoint may not name any number.
inline constexpr std::int64_t kChoiceIndexMax = limits::kPromptsMax * limits::kChoicesMax - 1;
// What an endpoint calls the end of a choice; nothing when that is empty.
std::optional<Finish> finish_named(std::string_view reason);

std::string_view text_in(const boost::json::object& object, std::string_view key);  // or ""
std::int64_t integer_in(const boost::json::object& object, std::string_view key,
                        std::int64_t otherwise);
std::optional<double> number_of(const boost::json::value& value);
// Nullptr when absent or of another kind.
const boost::json::object* object_in(const boost::json::object& object, std::string_view key);
const boost::json::array* array_in(const boost::json::object& object, std::string_view key);

// The body as an object. Upstream when it is none, or what it says when it reports an error.
Result<boost::json::object> read_reply(std::string_view json, boost::json::storage_ptr memory);
// The error that a payload reports; nothing when it reports none. An http_status below 400 (a
// stream's 200) leaves the status to the payload.
std::optional<Error> error_in(const boost::json::object& payload, int http_status);

Usage usage_of(const boost::json::object& usage);
Timings timings_of(const boost::json::object& timings);
// Either shape: {"content":[…]} of chat, or {"tokens":[…],…} of completions.
std::vector<LogprobEntry> logprobs_of(const boost::json::object& logprobs);

}  // namespace xc::schema

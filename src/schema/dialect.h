// How the makers of OpenAI-compatible servers differ: what each takes in a request and where it
// answers to be well. Pure functions; thread-safe. Differences in replies (reasoning fields, tool
// deltas, shapes of errors) are read leniently for all of them: parse_reply.cc, errors.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xc::schema {

enum class Vendor : std::uint8_t { OpenAi, Vllm, Sglang, MindIe, LlamaServer, Xingcha };
std::string_view name_of(Vendor vendor);  // "openai", "vllm", "sglang", "mindie", …
std::optional<Vendor> vendor_of(std::string_view name);
inline constexpr std::string_view kVendorNames =
    "openai, vllm, sglang, mindie, llama-server, xingcha";

// Where GET says 200 when the server can take requests.
std::string_view health_path(Vendor vendor);
// Whether it has this of our addresses ("/v1/rerank") in our shape.
bool takes_target(Vendor vendor, std::string_view target);
// Whether a chat whose last turn is the assistant's goes on in that turn there, when body_for()
// asks.
bool can_continue(Vendor vendor);
// A chat request as render() made it, asking to go on with an answer of which `text` is there;
// `produced`: its tokens, taken off max_tokens. Nothing when they leave nothing to produce, and for
// a body that is no such request.
std::optional<std::string> continued(std::string_view body, std::string_view text, int produced);
// `body`: a request as render() or continued() made it. The same under the endpoint's name of the
// model, without the fields that this maker refuses or misreads and with its own names for the
// others. A body that is no JSON object comes back as it is.
std::string body_for(Vendor vendor, std::string_view body, std::string_view model);

}  // namespace xc::schema
